// Calls of tools: their arguments, what they print, and what came of them.

import { element } from "./markdown.js";

const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"];
const PREVIEW = 80;

/** The calls of one answer. */
export class Calls {
  #parent;
  #showFile;
  #calls = new Map();

  /** Calls are shown in `parent`; `showFile` gives the address of a file that one made. */
  constructor(parent, showFile) {
    this.#parent = parent;
    this.#showFile = showFile;
  }

  /** Takes an event of the agent's. */
  event(event) {
    switch (event.type) {
      case "tool_call_requested":
        this.#call(event.id, event.name, event.arguments).stand("running", "running…");
        break;
      case "tool_result":
        this.#result(event);
        break;
      case "approval_requested":
        this.#call(event.id, "call").stand("wrong", "needs consent").say("Why", event.reason);
        break;
      case "denied":
        this.#call(event.id, "call").stand("wrong", "denied").say("Why", event.reason);
        break;
      case "rejected":
        this.#call(event.id, event.name, event.arguments).stand("wrong", "not made").say("Why", event.reason);
        break;
      default:
    }
  }

  /** A call printed something. */
  progress({ call, text }) {
    this.#calls.get(call)?.print(text);
  }

  /** A call that the client is to make, which this page does not. */
  written(call) {
    let input = call.function.arguments;
    try {
      input = JSON.parse(input);
    } catch {
      // It stays as it was written.
    }
    this.#call(call.id, call.function.name, input).stand("", "not made here");
  }

  #call(id, name, input) {
    let call = this.#calls.get(id);
    if (!call) {
      call = new Call(name, input);
      this.#calls.set(id, call);
      this.#parent.append(call.root);
    } else if (input !== undefined) {
      call.arguments(name, input);
    }
    return call;
  }

  #result(event) {
    const call = this.#call(event.id, event.name);
    call.stand(event.status === "ok" ? "ok" : "wrong", { ok: "done", failed: "failed", error: "error" }[event.status]);
    call.result([event.text, ...(event.more ?? []).map((more) => more.text)].join("\n\n"), event.outside);
    for (const artifact of event.artifacts ?? []) {
      if (!IMAGES.includes(artifact.media_type)) {
        call.say("File", `${artifact.name} (${artifact.media_type}, ${artifact.size} bytes)`);
        continue;
      }
      const image = element("img", { alt: artifact.name });
      // What was drawn is what people look for: it is not folded.
      call.root.after(element("figure", {}, image, element("figcaption", {}, artifact.name)));
      this.#showFile(artifact.name)
        .then((address) => image.setAttribute("src", address))
        .catch((error) => image.replaceWith(element("p", { class: "note" }, `${artifact.name}: ${error.message}`)));
    }
  }
}

class Call {
  root = element("details", { class: "call" });
  #summary = element("summary");
  #name = element("code");
  #preview = element("span", { class: "preview" });
  #standing = element("span", { class: "standing" });
  #inner = element("div");
  #input = element("pre");
  #printed;

  constructor(name, input) {
    this.#summary.append(this.#name, " ", this.#standing, " ", this.#preview);
    this.#inner.append(element("h3", {}, "Arguments"), this.#input);
    this.root.append(this.#summary, this.#inner);
    this.arguments(name, input ?? "");
  }

  arguments(name, input) {
    // Raw text has its own lines; a lone text among the arguments, too.
    const values = typeof input === "object" && input !== null ? Object.values(input) : [];
    const lone = values.length === 1 && typeof values[0] === "string" ? values[0] : undefined;
    const text = typeof input === "string" ? input : (lone ?? JSON.stringify(input, null, 2));
    const line = text.replace(/\s+/g, " ").trim();
    this.#name.textContent = name;
    this.#input.textContent = text;
    this.#preview.textContent = line.length > PREVIEW ? `${line.slice(0, PREVIEW)}…` : line;
  }

  stand(kind, words) {
    this.#standing.className = `standing ${kind}`;
    this.#standing.textContent = words;
    return this;
  }

  say(title, text) {
    this.#inner.append(element("h3", {}, title), element("pre", {}, text));
  }

  print(text) {
    if (!this.#printed) {
      this.#printed = element("pre");
      this.#inner.append(this.#printed);
    }
    this.#printed.append(text);
  }

  result(text, outside) {
    // The result holds again what was printed.
    this.#printed?.remove();
    this.say(outside ? "Result, from outside" : "Result", text || "(no output)");
  }
}
