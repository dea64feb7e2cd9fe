// A Pyodide for each session, in one Node process. Speaks as serve.py does.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { loadPyodide } from "pyodide";

const sessions = [];

async function answer({ do: what, code }) {
  if (what === "start") {
    const session = { printed: [] };
    session.python = await loadPyodide({ stdout: (line) => session.printed.push(line + "\n") });
    sessions.push(session);
    return "";
  }
  if (what === "run") {
    const session = sessions.at(-1);
    session.printed.length = 0;
    session.python.runPython(code);
    return session.printed.join("");
  }
  const pss = readFileSync("/proc/self/smaps_rollup", "utf8").match(/^Pss:\s+(\d+)/m);
  return Number(pss[1]);
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
