// What the page asks of the server that it came from.

/** The server does not know the key, or asks for one. */
export class NoKey extends Error {}

export class Server {
  #key = sessionStorage.getItem("glm-key") ?? "";

  set key(key) {
    this.#key = key;
    sessionStorage.setItem("glm-key", key);
  }

  /** The model that is served. */
  async model() {
    const response = await this.#fetch("/v1/models");
    return (await response.json()).data[0];
  }

  /** A file that an agent's call made. */
  async file(session, name) {
    const path = name.split("/").map(encodeURIComponent).join("/");
    const response = await this.#fetch(`/v1/glm/sessions/${encodeURIComponent(session)}/files/${path}`);
    return response.blob();
  }

  /** The messages of an answer, one by one, until it ends or `signal` stops it. */
  async *chat(request, session, signal) {
    const headers = { "content-type": "application/json" };
    if (session) headers["glm-session"] = session;
    const body = JSON.stringify({ ...request, stream: true });
    const response = await this.#fetch("/v1/chat/completions", { method: "POST", headers, body, signal });
    for await (const data of events(response.body)) {
      if (data === "[DONE]") return;
      const message = JSON.parse(data);
      if (message.error) throw new Error(message.error.message);
      yield message;
    }
    throw new Error("The connection broke in the middle of the answer.");
  }

  async #fetch(path, options = {}) {
    const headers = { ...options.headers };
    if (this.#key) headers.authorization = `Bearer ${this.#key}`;
    const response = await fetch(path, { ...options, headers });
    if (response.status === 401) throw new NoKey();
    if (!response.ok) throw new Error(await reason(response));
    return response;
  }
}

async function reason(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered with ${response.status}.`;
  }
}

/** The data of each event of a stream. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data:")) yield line.slice(5).trim();
    }
  }
}
