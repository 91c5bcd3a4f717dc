import { createRequire } from "node:module";
import { pino } from "pino";
import type * as PinoPretty from "pino-pretty";
import type { PrettyOptions, PrettyStream } from "pino-pretty";
import { maskTokensIn } from "../words/tokens.ts";

const require = createRequire(import.meta.url);

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** `auto` is `pretty` on a terminal and `json` elsewhere. */
export type LogFormat = "auto" | "json" | "pretty";

/** Fields of one record; an error goes under `err`. */
export type LogFields = Readonly<Record<string, unknown>>;

interface LogMethod {
  (fields: LogFields, message: string): void;
  (message: string): void;
}

/** A structured log: constant messages with fields. Tokens are masked wherever they appear. */
export interface Log {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  /** Whether records of the level are written: for who has to make their fields first. */
  isLevelEnabled(level: LogLevel): boolean;
  /** A log that adds these fields to each record. */
  child(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** Keys whose values are never written, however deep a caller nests them once. */
const secretKeys = ["token", "secret", "password", "authorization", "jobToken", "sessionToken", "privateKey"];
const redact = { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: "[redacted]" };

/** The log of a program, on standard error, written synchronously so that the last record before an end is there. */
export function createLog({ level, format }: LogOptions): Log {
  const isPretty = format === "pretty" || (format === "auto" && process.stderr.isTTY === true);
  const destination = isPretty
    ? prettyStream({ destination: 2, sync: true, colorize: process.stderr.isTTY === true, ignore: "pid,hostname" })
    : pino.destination({ fd: 2, sync: true });
  return pinoLog(level, destination);
}

/** For people only: who writes JSON does not load it. */
function prettyStream(options: PrettyOptions): PrettyStream {
  const { build: pretty }: typeof PinoPretty = require("pino-pretty");
  return pretty(options);
}

/** A log that writes nothing. */
export const silentLog = (): Log => pinoLog("silent", { write: () => {} });

/** A log for tests: every record, oldest first, as it would have been written. */
export function memoryLog(level: LogLevel = "debug"): { readonly log: Log; readonly records: readonly LogFields[] } {
  const records: LogFields[] = [];
  return { log: pinoLog(level, { write: (line) => records.push(JSON.parse(line)) }), records };
}

const pinoLog = (level: LogLevel, destination: { write(line: string): unknown }): Log =>
  pino(
    { level, redact, hooks: { streamWrite: maskTokensIn }, formatters: { level: (label) => ({ level: label }) } },
    {
      write: (line: string) => void destination.write(line),
    },
  );
