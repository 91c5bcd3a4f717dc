import { spawn } from "node:child_process";
import { once } from "node:events";
import { text as textOf } from "node:stream/consumers";
import { computed, Failure, optional, required, type Source } from "./kinds.ts";
import { texts, type Value } from "./values.ts";

const map = ["map", "string"];

/** Runs a program while planning, as the external provider does: it gets `query` in JSON and prints an object of strings. */
export const external: Source = {
  attributes: [
    required("program", ["list", "string"]),
    optional("query", map),
    computed("id"),
    computed("result", map),
  ],
  read: async (_context, config) => {
    const output = await outputOf(texts(config.program), JSON.stringify(config.query ?? {}));
    return { ...config, id: "-", result: parsed(output) };
  },
};

async function outputOf([command = "", ...args]: readonly string[], input: string): Promise<string> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => {}); // A program need not read its query.
  child.stdin.end(input);
  const ended = once(child, "close");
  ended.catch(() => {}); // Its streams fail too, and are looked at first.
  const [output, complaints] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  const [code] = await ended;
  if (code === 0) return output;
  throw new Failure("The program failed", `${command} ended with ${code}: ${complaints}`, "program");
}

function parsed(output: string): Value {
  try {
    return JSON.parse(output);
  } catch {
    throw new Failure("The program did not print JSON", output, "program");
  }
}
