// Drives a server with OpenAI's own client for Node, as openai_client.py does with that for
// Python: the same plans, and the same outcomes. The package is found by its path in argv.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { default: OpenAI } = await import(pathToFileURL(process.argv[2]).href);

function answer(completion) {
  const { message, finish_reason: finish } = completion.choices[0];
  return {
    id: completion.id.slice(0, 9),
    model: completion.model,
    content: message.content || null,
    reasoning: message.reasoning_content ?? null,
    calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: text } }) => ({
      name,
      arguments: text,
      has_id: id.startsWith("call_"),
    })),
    finish,
    usage: completion.usage ?? null,
    annotations: message.annotations ?? [],
  };
}

async function take(client, { do: what, request, id }) {
  const chat = client.chat.completions;
  if (what === "chat") return answer(await chat.create(request));
  if (what === "stream") {
    const pieces = [];
    const own = [];
    for await (const chunk of await chat.create({ ...request, stream: true })) {
      if (chunk.glm) own.push(chunk.glm);
      for (const choice of chunk.choices) pieces.push(choice.delta.content ?? "");
    }
    const whole = answer(await chat.stream(request).finalChatCompletion());
    return { ...whole, streamed: pieces.join(""), pieces: pieces.length, glm: own };
  }
  if (what === "complete") {
    const { object, choices, usage } = await client.completions.create(request);
    return { object, text: choices[0].text, finish: choices[0].finish_reason, usage };
  }
  if (what === "stream_text") {
    const choices = [];
    let pieces = 0;
    for await (const chunk of await client.completions.create({ ...request, stream: true })) {
      pieces += 1;
      choices.push(...chunk.choices);
    }
    return { text: choices.map((choice) => choice.text).join(""), finish: choices.at(-1).finish_reason, pieces };
  }
  if (what === "models") {
    const models = [];
    for await (const model of client.models.list()) models.push(model);
    return models;
  }
  if (what === "model") return client.models.retrieve(id);
  throw new Error(what);
}

async function outcome(client, step) {
  try {
    return await take(client, step);
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    const { type, code, param, message } = error.error ?? {};
    const fields = { type, code, param, message };
    for (const key of Object.keys(fields)) fields[key] ??= null;
    return { error: error.constructor.name, status: error.status ?? null, ...fields };
  }
}

const plan = JSON.parse(readFileSync(0, "utf8"));
const client = new OpenAI({ baseURL: plan.url, apiKey: plan.key ?? "none", maxRetries: 0, timeout: 60_000 });
const outcomes = [];
for (const step of plan.steps) outcomes.push(await outcome(client, step));
process.stdout.write(JSON.stringify(outcomes));
