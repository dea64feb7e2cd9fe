// Markdown as elements. What a model writes becomes text, code and links, and nothing
// else: no markup of its own, no images from elsewhere, no addresses but of pages.

/** An element with children, which may be texts. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A link, if the address is one that people can be sent to. */
export function link(url, attributes, ...children) {
  let scheme = "";
  try {
    scheme = new URL(url).protocol;
  } catch {
    // It is no address.
  }
  if (scheme !== "http:" && scheme !== "https:") return element("span", attributes, ...children);
  return element("a", { ...attributes, href: url, rel: "noopener noreferrer nofollow", target: "_blank" }, ...children);
}

/** A text; `[1]` leads to the source of this number, if there is one. */
export function markdown(text, sources = []) {
  const fragment = document.createDocumentFragment();
  blocks(text.replaceAll("\r", "").split("\n"), fragment, sources, 0);
  return fragment;
}

const FENCE = /^ {0,3}(```+|~~~+)/;
const HEADING = /^ {0,3}(#{1,6}) +(.*?)[ #]*$/;
const RULE = /^ {0,3}([-*_])( *\1){2,} *$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)]) +(.*)$/;
const DEEPEST = 8;

function blocks(lines, parent, sources, depth) {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const fence = FENCE.exec(line);
    if (fence) {
      const code = [];
      at += 1;
      while (at < lines.length && !closes(lines[at], fence[1])) code.push(lines[at++]);
      at += 1;
      parent.append(element("pre", {}, element("code", {}, code.join("\n"))));
    } else if (!line.trim()) {
      at += 1;
    } else if (HEADING.test(line)) {
      const [, signs, words] = HEADING.exec(line);
      const name = `h${Math.min(signs.length + 1, 4)}`;
      parent.append(inline(words, element(name), sources));
      at += 1;
    } else if (RULE.test(line)) {
      parent.append(element("hr"));
      at += 1;
    } else if (QUOTE.test(line) && depth < DEEPEST) {
      const quoted = [];
      while (at < lines.length && QUOTE.test(lines[at])) quoted.push(lines[at++].replace(QUOTE, ""));
      const quote = element("blockquote");
      blocks(quoted, quote, sources, depth + 1);
      parent.append(quote);
    } else if (ITEM.test(line) && depth < DEEPEST) {
      at = list(lines, at, parent, sources, depth);
    } else if (isTable(lines, at)) {
      at = table(lines, at, parent, sources);
    } else {
      const words = [line.trim()];
      at += 1;
      while (at < lines.length && lines[at].trim() && !begins(lines, at)) words.push(lines[at++].trim());
      parent.append(inline(words.join("\n"), element("p"), sources));
    }
  }
}

function closes(line, fence) {
  const end = line.trim();
  return end.length >= fence.length && end === fence[0].repeat(end.length);
}

/** Whether a line ends the paragraph before it. */
function begins(lines, at) {
  const line = lines[at];
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line) || isTable(lines, at);
}

function list(lines, at, parent, sources, depth) {
  const [, space, sign] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(sign);
  const made = element(ordered ? "ol" : "ul");
  if (ordered) made.setAttribute("start", Number.parseInt(sign, 10));
  const isNext = (line) => {
    const item = ITEM.exec(line);
    return item && item[1].length <= space.length + 1 && /\d/.test(item[2]) === ordered;
  };
  while (at < lines.length && isNext(lines[at])) {
    const inner = [ITEM.exec(lines[at])[3]];
    at += 1;
    while (at < lines.length && !isNext(lines[at])) {
      const line = lines[at];
      const indented = line.startsWith(`${space}  `) || line.startsWith("\t");
      const follows = indented || (line.trim() && inner.at(-1).trim() && !begins(lines, at));
      const gap = !line.trim() && at + 1 < lines.length && /^(\s{2,}|\t)/.test(lines[at + 1]);
      const between = !line.trim() && at + 1 < lines.length && isNext(lines[at + 1]);
      if (!follows && !gap && !between) break;
      inner.push(line.replace(/^\t/, "").replace(new RegExp(`^ {0,${space.length + (ordered ? 3 : 2)}}`), ""));
      at += 1;
    }
    const item = element("li");
    const isPlain = inner.every((line) => line.trim() && !ITEM.test(line) && !FENCE.test(line));
    if (isPlain) inline(inner.map((line) => line.trim()).join("\n"), item, sources);
    else blocks(inner, item, sources, depth + 1);
    made.append(item);
  }
  parent.append(made);
  return at;
}

function isTable(lines, at) {
  const rule = lines[at + 1] ?? "";
  return lines[at].includes("|") && rule.includes("|") && /^[\s|:-]+$/.test(rule) && rule.includes("-");
}

function table(lines, at, parent, sources) {
  const cells = (line) => line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map((cell) => cell.trim());
  const row = (line, name) => element("tr", {}, ...cells(line).map((cell) => inline(cell, element(name), sources)));
  const made = element("table", {}, element("thead", {}, row(lines[at], "th")));
  const body = element("tbody");
  at += 2;
  while (at < lines.length && lines[at].includes("|")) body.append(row(lines[at++], "td"));
  made.append(body);
  parent.append(made);
  return at;
}

// Each with what it makes; the first that fits, counted from the left, is taken.
const INLINE = /(`+)([\s\S]+?)\1(?!`)|(!?)\[([^\][]*)\]\(<?([^()\s<>]*)>?(?: "[^"]*")?\)|\[(\d{1,3}|\?)\]|(\*\*|__)(?=\S)([\s\S]{1,2000}?\S)\7|(\*|_)(?=\S)([^*_]{1,2000}?)\9(?!\w)|~~(?=\S)([^~]{1,2000})~~|(https?:\/\/[^\s<>()[\]`"']+[^\s<>()[\]`"'.,;:!?])|\\([\\`*_{}[\]()#+\-.!~|<>])/g;

function inline(text, parent, sources, depth = 0) {
  if (depth > DEEPEST) {
    parent.append(text);
    return parent;
  }
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, , code, image, label, url, number, , strong, , emphasis, struck, address, escaped] = match;
    const before = text[match.index - 1] ?? "";
    let made;
    if (code !== undefined) made = element("code", {}, code.trim() || code);
    else if (url !== undefined) made = link(url, {}, image ? `image: ${label || url}` : label || url);
    else if (number !== undefined) made = mark(number, sources);
    else if (strong !== undefined) made = inline(strong, element("strong"), sources, depth + 1);
    else if (emphasis !== undefined && !/\w/.test(before)) made = inline(emphasis, element("em"), sources, depth + 1);
    else if (struck !== undefined) made = inline(struck, element("del"), sources, depth + 1);
    else if (address !== undefined) made = link(address, {}, address);
    else if (escaped !== undefined) made = escaped;
    if (made === undefined) continue;
    lines(text.slice(end, match.index), parent);
    parent.append(made);
    end = match.index + whole.length;
  }
  lines(text.slice(end), parent);
  return parent;
}

/** Words; where a line ends in two spaces, a new one begins. */
function lines(text, parent) {
  text.split(/ {2,}\n/).forEach((part, index) => {
    if (index) parent.append(element("br"));
    if (part) parent.append(part);
  });
}

function mark(number, sources) {
  const source = sources.find((source) => String(source.number) === number);
  if (!source) return undefined;
  return link(source.url, { class: "mark", title: source.title || source.url }, `[${number}]`);
}
