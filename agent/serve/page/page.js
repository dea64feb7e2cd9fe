// A chat: what was said, and what is being said.

import { Calls } from "./calls.js";
import { element, link, markdown } from "./markdown.js";
import { NoKey, Server } from "./server.js";

const at = (id) => document.getElementById(id);
const server = new Server();
let model;
let chat = begin();

/** A conversation without a word yet. */
function begin() {
  return { messages: [], session: undefined, answering: undefined };
}

async function connect() {
  try {
    model = await server.model();
  } catch (error) {
    if (error instanceof NoKey) return askForKey();
    at("model").textContent = error.message;
    at("model").className = "soft bad";
    setTimeout(connect, 3000);
    return undefined;
  }
  const { agent, tools = [] } = model.glm ?? {};
  at("model").className = "soft";
  at("model").textContent = agent ? `${model.id} with ${tools.join(", ") || "no tools"}` : model.id;
  document.title = `${model.id} – glm`;
  return undefined;
}

function askForKey() {
  at("keys-wrong").hidden = !at("key").value;
  if (!at("keys").open) at("keys").showModal();
  at("key").focus();
}

at("keys").addEventListener("close", () => {
  server.key = at("key").value.trim();
  connect();
});

/** One answer as it comes. */
class Answer {
  #root = element("div", { class: "turn assistant" });
  #thoughts = element("pre");
  #calls;
  #words;
  #text = "";
  #sources = [];
  #scheduled = false;
  all = "";

  constructor() {
    const showFile = async (name) => {
      if (!chat.session) throw new Error("this server keeps no files");
      return URL.createObjectURL(await server.file(chat.session, name));
    };
    this.#calls = new Calls(this.#root, showFile);
    at("log").append(this.#root);
  }

  take(message) {
    const { glm, choices } = message;
    if (glm?.session) chat.session = glm.session;
    if (glm?.event) this.#event(glm.event);
    if (glm?.progress) this.#calls.progress(glm.progress);
    const delta = choices?.[0]?.delta ?? {};
    if (delta.reasoning_content) this.#think(delta.reasoning_content);
    if (delta.content) this.#say(delta.content);
    for (const call of delta.tool_calls ?? []) this.#calls.written(call);
    if (choices?.[0]?.finish_reason === "length") this.note("The answer is cut off at a limit.");
  }

  #event(event) {
    if (event.type === "tool_call_requested") this.#closeWords();
    if (event.type === "compacted") this.note("Earlier turns were summed up to make room.");
    if (event.type === "run_ended") this.#sources = event.sources ?? [];
    this.#calls.event(event);
    this.#draw();
  }

  #think(text) {
    if (!this.#thoughts.isConnected) {
      const folded = element("details", {}, element("summary", {}, "Thoughts"), element("div", {}, this.#thoughts));
      this.#root.append(folded);
    }
    this.#thoughts.append(text);
  }

  #say(text) {
    this.all += text;
    this.#text += text;
    if (!this.#words) {
      this.#words = element("div", { class: "words writing", dir: "auto" });
      this.#root.append(this.#words);
    }
    this.#draw();
  }

  /** What comes next stands below the calls that come now. */
  #closeWords() {
    this.#render();
    this.#words?.classList.remove("writing");
    this.#words = undefined;
    this.#text = "";
  }

  #draw() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#render());
  }

  #render() {
    this.#scheduled = false;
    const isAtEnd = innerHeight + scrollY >= document.body.scrollHeight - 80;
    this.#words?.replaceChildren(markdown(this.#text, this.#sources));
    if (isAtEnd) scrollTo(0, document.body.scrollHeight);
  }

  note(text, kind = "note") {
    this.#root.append(element("p", { class: kind }, text));
  }

  /** Nothing more comes. */
  end() {
    this.#closeWords();
    if (this.#sources.length) {
      const entries = this.#sources.map(({ number, title, url }) => element("li", { value: number }, link(url, {}, title || url)));
      this.#root.append(element("ol", { class: "sources", "aria-label": "Sources" }, ...entries));
    }
    scrollTo(0, document.body.scrollHeight);
  }
}

async function ask(words) {
  const mine = chat;
  at("hint").hidden = true;
  at("log").append(element("div", { class: "turn user", dir: "auto" }, words));
  const answer = new Answer();
  const stop = new AbortController();
  mine.answering = stop;
  mine.messages.push({ role: "user", content: words });
  show();
  // An agent's session remembers what was said before, if it is kept.
  const messages = mine.session ? mine.messages.slice(-1) : mine.messages;
  try {
    // Somebody may be faster than the page.
    model ??= await server.model();
    for await (const message of server.chat({ model: model.id, messages }, mine.session, stop.signal)) {
      if (chat === mine) answer.take(message);
    }
    at("status").textContent = "The answer is complete.";
  } catch (error) {
    if (error instanceof NoKey) askForKey();
    if (stop.signal.aborted) answer.note("Stopped.");
    else answer.note(error instanceof NoKey ? "The server asks for a key." : error.message, "error");
  }
  answer.end();
  if (answer.all) mine.messages.push({ role: "assistant", content: answer.all });
  mine.answering = undefined;
  show();
}

/** Which buttons there are now. */
function show() {
  at("send").hidden = Boolean(chat.answering);
  at("stop").hidden = !chat.answering;
  at("log").setAttribute("aria-busy", String(Boolean(chat.answering)));
}

function fit() {
  const words = at("words");
  words.rows = Math.min(10, words.value.split("\n").length);
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = at("words").value.trim();
  if (!words || chat.answering) return;
  at("words").value = "";
  fit();
  ask(words);
});
at("words").addEventListener("input", fit);
at("words").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("ask").requestSubmit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !at("keys").open) chat.answering?.abort();
});
at("stop").addEventListener("click", () => {
  chat.answering?.abort();
  at("words").focus();
});
at("new").addEventListener("click", () => {
  chat.answering?.abort();
  chat = begin();
  at("log").replaceChildren();
  at("hint").hidden = false;
  show();
  at("words").focus();
});

connect();
