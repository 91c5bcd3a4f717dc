import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { type Context, computed, Failure, optional, required, type Source } from "./kinds.ts";
import { number, text, type Values } from "./values.ts";

const pauseFor = ({ stopping }: Context, { seconds }: Values) =>
  pause(number(seconds) * 1000, undefined, { signal: stopping }).catch(() => {
    throw new Failure("The read was stopped", "terraform asked the provider to stop");
  });

/** The same value at each read. */
export const lookup: Source = {
  attributes: [required("name"), optional("seconds", "number"), computed("value")],
  read: async (context, config) => {
    await pauseFor(context, config);
    return { ...config, value: `value of ${text(config.name)}` };
  },
};

/** Another value at each read. */
export const clock: Source = {
  attributes: [computed("reading")],
  read: () => ({ reading: randomUUID() }),
};

/** What a file says now, as a page that is fetched. */
export const status: Source = {
  attributes: [required("path"), computed("body")],
  read: (_context, { path = null }) => {
    try {
      return { path, body: readFileSync(text(path), "utf8").trim() };
    } catch {
      throw new Failure("Nothing to read", `${text(path)} cannot be read`, "path");
    }
  },
};

/** A secret that no state keeps. */
export const token: Source = {
  attributes: [required("name"), optional("seconds", "number"), computed("value", "string", { isSensitive: true })],
  read: async (context, config) => {
    await pauseFor(context, config);
    context.log("open", text(config.name));
    return { ...config, value: `token of ${text(config.name)}` };
  },
};
