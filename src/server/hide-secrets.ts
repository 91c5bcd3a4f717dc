import { createHash } from "node:crypto";
import type { Hide, Hiding, Secret } from "../control/core/control.ts";
import { Budget } from "../lib/async/budget.ts";
import type { Clock } from "../lib/clock.ts";
import { makeSlicedRedactor } from "../terraform/redaction/redact.ts";
import { secretTextsInTurns } from "../terraform/redaction/secret-texts.ts";

/** Secrets whose encoded forms are looked for, too, in characters: each costs memory and time. */
const maxEncodedCharacters = 6 * 1024;
/** What was made for so many different lists of secrets is kept: readers look at the same workspaces again and again. */
const maxKept = 4;

/** How long somebody waits for the turn to make something for a list of secrets. */
const waitMs = 60_000;

/**
 * As the agent does it in logs; the longest of very many secrets are looked for only as they are. One list after the
 * other is made ready, organizations in turn: each may cost a second and much memory.
 */
export function createHiding(clock: Clock): Hiding {
  const kept = new Map<string, Hide>();
  const what = "secrets to look for";
  const refusal = "storage_unavailable";
  const turns = new Budget({ what, total: 1, perKey: 1, waitMs, maxWaiting: 50, refusal, clock });
  return (secrets, of) => {
    if (secrets.length === 0) return async (text) => text;
    const key = createHash("sha256").update(JSON.stringify(secrets)).digest("hex");
    const hide = kept.get(key) ?? hiderFor(secrets, () => turns.take(of, 1));
    kept.delete(key);
    kept.set(key, hide);
    for (const oldest of [...kept.keys()].slice(0, -maxKept)) kept.delete(oldest);
    return hide;
  };
}

/** It is made when it is asked for the first time; after a refusal again. */
function hiderFor(secrets: readonly Secret[], takeTurn: () => Promise<Disposable>): Hide {
  let made: Promise<Hide> | undefined;
  const make = async (): Promise<Hide> => {
    using _turn = await takeTurn();
    return await makeHider(secrets);
  };
  return async (text) => {
    made ??= make();
    made.catch(() => {
      made = undefined;
    });
    return (await made)(text);
  };
}

async function makeHider(secrets: readonly Secret[]): Promise<Hide> {
  const texts = (await secretTextsInTurns(secrets)).toSorted((a, b) => a.length - b.length);
  let left = maxEncodedCharacters;
  const fitting = texts.filter(({ length }) => {
    left -= length;
    return left >= 0;
  });
  return makeSlicedRedactor(fitting, texts.slice(fitting.length).map(asWritten));
}

const asWritten = (text: string): string => JSON.stringify(text.trim()).slice(1, -1);
