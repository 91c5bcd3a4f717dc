import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Context, computed, Failure, optional, type Resource, required } from "./kinds.ts";
import { makeNoise } from "./noise.ts";
import { number, text, type Values } from "./values.ts";

type Action = "create" | "update" | "delete";

/** What takes its time, and goes wrong in the ways that `fail` names. */
export const server: Resource = {
  attributes: [
    required("name"),
    optional("size", "number"),
    optional("seconds", "number"),
    optional("fail"),
    optional("noise_mb", "number"),
    optional("secret", "string", { isSensitive: true }),
    computed("id"),
    computed("ip"),
  ],
  replacedBy: ["name"],
  validate: ({ size }) => {
    if (number(size) < 0) throw new Failure("Invalid size", `a size is 0 or more, got ${number(size)}`, "size");
    return number(size) > 1000 ? ["The server is very large"] : [];
  },
  plan: (wanted) => {
    if (wanted.fail !== "plan") return wanted;
    throw new Failure("The plan was told to fail", `fake_server ${text(wanted.name)}`, "fail");
  },
  create: async (context, wanted) => {
    await work(context, "create", wanted);
    return { id: randomUUID(), ip: `10.0.0.${randomInt(1, 255)}` };
  },
  update: async (context, wanted) => {
    await work(context, "update", wanted);
    return {};
  },
  remove: (context, state) => work(context, "delete", state),
  read: (context, state) => {
    const drift = context.drift();
    if (drift === "gone") return null;
    return drift === "ip" ? { ...state, ip: "192.0.2.1" } : state;
  },
  importById: (_context, id) => ({ name: id, id, ip: "10.0.0.1" }),
};

async function work(context: Context, action: Action, wanted: Values): Promise<void> {
  const { fail } = wanted;
  context.log("apply", action, text(wanted.name));
  makeNoise(number(wanted.noise_mb));
  if (fail === "crash") process.exit(7);
  if (fail === "hang") await new Promise(() => {}); // The socket keeps the process; nothing ends this.
  const end = { signal: fail === "stubborn" ? undefined : context.stopping };
  await pause(number(wanted.seconds) * 1000, undefined, end).catch(() => refuse(`The ${action} was stopped`, wanted));
  if (fail === action) refuse(`The ${action} was told to fail`, wanted);
  context.log("done", action, text(wanted.name));
}

function refuse(summary: string, { name }: Values): never {
  throw new Failure(summary, `fake_server ${text(name)}`, "fail");
}
