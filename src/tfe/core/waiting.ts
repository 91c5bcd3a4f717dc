import type { TfeCall } from "./call.ts";

/** Why an answer is held: the terraform program asks for logs in a loop of its own, others have to say so. */
export type HoldWish = { readonly kind: "terraform" } | { readonly kind: "asked"; readonly ms: number };

/** Whether the caller may be let wait for something new, and how long; undefined if it wants an answer now. */
export function holdWishOf({ request, isTerraform }: Pick<TfeCall, "request" | "isTerraform">): HoldWish | undefined {
  const prefer = request.headers.prefer;
  const seconds = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,4})\b/i.exec(String(prefer ?? ""))?.[1];
  if (seconds !== undefined) return { kind: "asked", ms: Number(seconds) * 1_000 };
  return isTerraform ? { kind: "terraform" } : undefined;
}

/** Waits until one of the topics was notified, the time is over, or the caller is gone. */
export async function untilNews(
  { control, signal }: Pick<TfeCall, "control" | "signal">,
  {
    topics,
    seen,
    timeoutMs,
  }: { readonly topics: readonly string[]; readonly seen: number; readonly timeoutMs: number },
): Promise<"news" | "over"> {
  if (timeoutMs <= 0 || signal.aborted) return "over";
  try {
    return (await control.wake.changedSince(topics, seen, { timeoutMs, signal })) === "changed" ? "news" : "over";
  } catch (error) {
    if (signal.aborted) return "over";
    throw error;
  }
}
