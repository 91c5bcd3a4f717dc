import type { Context } from "../server/context.ts";

const lookMs = 5_000;

/** Hangs up when a stream that always says something has said nothing for so long: the path is dead. */
export async function hangUpWhenSilent(
  context: Context,
  { heardMs, silentMs }: { readonly heardMs: () => number; readonly silentMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { clock } = context.io;
  while (!signal.aborted) {
    await clock.sleep(lookMs, signal).catch(() => {});
    if (clock.monotonicMs() - heardMs() > silentMs) context.hangUpSilent();
  }
}
