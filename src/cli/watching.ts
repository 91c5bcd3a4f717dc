import { Writable } from "node:stream";
import { Context } from "./context.ts";
import type { ExitCode } from "./exit.ts";
import { Interrupted, type Io, write } from "./io.ts";
import type { Request } from "./parse.ts";

/** How often a watched list is looked at again. */
const everyMs = 2_000;
const clearScreen = "\u001b[H\u001b[2J\u001b[3J";

class Collected extends Writable {
  #text = "";

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#text += chunk.toString("utf8");
    done();
  }

  get text(): string {
    return this.#text;
  }
}

/**
 * Runs a command again and again until Ctrl-C. On a terminal the answer stands in place of the one before; elsewhere it
 * follows, and only when it differs.
 */
export async function watchCommand(io: Io, request: Extract<Request, { kind: "command" }>): Promise<ExitCode> {
  let last = "";
  for (;;) {
    const collected = new Collected();
    const stdout = { ...io.stdout, stream: collected };
    using context = new Context({ ...io, stdout }, request.globals, request.repeatable);
    await context.guard(request.command.guard(request.input.flags));
    const code = await request.command.run(context, request.input);
    if (code !== undefined && code !== 0) return code;
    if (io.stdout.isTty) await write(io.stdout, `${clearScreen}${collected.text}`, io.signal);
    else if (collected.text !== last) await write(io.stdout, collected.text, io.signal);
    last = collected.text;
    await io.clock.sleep(everyMs, io.signal).catch(() => {});
    if (io.signal.aborted) throw io.signal.reason ?? new Interrupted();
  }
}
