/** The program of the two threads behind the embedded log store: one writes the file, one reads it. */
import { parentPort } from "node:worker_threads";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { LogFile } from "./file.ts";
import { LogFileReader } from "./file-reader.ts";
import type {
  LogAnswer,
  LogCommand,
  LogOperation,
  LogThreadOptions,
  LogThreadReply,
  LogThreadRequest,
} from "./operations.ts";

interface Side {
  run(operations: readonly LogOperation[]): LogAnswer[];
  close(): void;
}

function writing(path: string): Side {
  const file = new LogFile(path);
  return {
    run: (operations) => file.commit(operations.filter(isCommand)),
    close: () => file.close(),
  };
}

const questions: ReadonlySet<LogOperation["kind"]> = new Set(["read", "times", "list", "space"]);
const isCommand = (operation: LogOperation): operation is LogCommand => !questions.has(operation.kind);

/** Opens the file at the first read: by then the writer has made it. */
function reading(path: string): Side {
  let file: LogFileReader | undefined;
  return {
    run: (operations) => {
      file ??= new LogFileReader(path);
      const reader = file;
      const answered = (operation: LogOperation): LogAnswer | [] => {
        if (operation.kind === "read") return { kind: "read", read: reader.read(operation) };
        if (operation.kind === "times") return reader.times(operation);
        if (operation.kind === "space") return reader.space();
        return operation.kind === "list" ? reader.list(operation) : [];
      };
      return reader.snapshot(() => operations.flatMap(answered));
    },
    close: () => file?.close(),
  };
}

function say(reply: LogThreadReply): void {
  const answers = reply.kind === "answers" ? reply.answers : [];
  parentPort?.postMessage(reply, answers.flatMap(bufferOf));
}

const bufferOf = (answer: LogAnswer): ArrayBuffer[] =>
  answer.kind === "read" && answer.read.bytes.buffer instanceof ArrayBuffer ? [answer.read.bytes.buffer] : [];

function failed(error: unknown): LogThreadReply {
  const code = errnoOf(error) ?? "";
  return { kind: "failed", code, message: messageOf(error) };
}

function attempt(action: () => LogThreadReply): void {
  let reply: LogThreadReply;
  try {
    reply = action();
  } catch (error) {
    reply = failed(error);
  }
  say(reply);
}

let side: Side | undefined;

function open({ path, role }: LogThreadOptions): LogThreadReply {
  side = role === "write" ? writing(path) : reading(path);
  return { kind: "ready" };
}

parentPort?.on("message", (request: LogThreadRequest) => {
  switch (request.kind) {
    case "open":
      return attempt(() => open(request.options));
    case "batch":
      return attempt(() => ({ kind: "answers", answers: side?.run(request.operations) ?? [] }));
    case "close":
      side?.close();
      parentPort?.close();
  }
});
