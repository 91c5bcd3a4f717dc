/** The program of the thread that parses documents. */
import { parentPort } from "node:worker_threads";
import { messageOf } from "../../lib/values/errors.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { answerTo } from "./answers.ts";
import type { ThreadReply, ThreadRequest } from "./thread-messages.ts";

function reply({ question, documents }: ThreadRequest): ThreadReply {
  try {
    return { kind: "answer", answer: answerTo(question, documents) };
  } catch (error) {
    if (!isWindlassError(error)) return { kind: "failed", message: messageOf(error) };
    const { code, message, metadata, fields } = error;
    return { kind: "refused", code, message, metadata, fields };
  }
}

parentPort?.on("message", (request: ThreadRequest) => parentPort?.postMessage(reply(request)));
