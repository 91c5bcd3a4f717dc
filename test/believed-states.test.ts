import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { StepEnd } from "../src/agent/work/job-steps.ts";
import { createWorkspace } from "../src/control/workspaces/workspaces.ts";
import { testEngines } from "./engines.ts";
import { ApplyStates, type Ended, type UploadFate } from "./support/apply-states.ts";
import { openTestControl, type TestControl } from "./support/control.ts";
import { newWorkspace } from "./support/wanted.ts";

/** One thing that happens to the state file. */
interface Write {
  readonly shape: "whole" | "given" | "foreign" | "torn" | "empty" | "gone";
  /** To the serial of the last whole one. */
  readonly step: number;
  readonly content: number;
  /** The watcher has the time to see it. */
  readonly isSeen: boolean;
  readonly next: "nothing" | "time passes" | "the agent restarts";
  readonly fates: readonly UploadFate[];
}

interface Story {
  readonly hasGiven: boolean;
  readonly writes: readonly Write[];
  readonly end: StepEnd;
  readonly lastFates: readonly UploadFate[];
  /** The agent restarts when it has settled everything, and does it again. */
  readonly settlesTwice: boolean;
}

const lineage = "5a3c2f4e-0000-4000-8000-000000000000";
const givenSerial = 3;
const textOf = (serial: number, content: number, of = lineage): string =>
  JSON.stringify({ version: 4, terraform_version: "1.11.4", serial, lineage: of, outputs: {}, resources: [], content });
const given = textOf(givenSerial, 0);
const shaOf = (text: string): string => createHash("sha256").update(text).digest("hex");

const fate = fc.constantFrom<UploadFate>("arrives", "arrives", "is refused", "arrives unheard", "arrives late");
const story: fc.Arbitrary<Story> = fc.record({
  hasGiven: fc.boolean(),
  writes: fc.array(
    fc.record({
      shape: fc.constantFrom<Write["shape"]>(
        ...(["whole", "whole", "whole", "whole", "given", "foreign", "torn", "empty", "gone"] as const),
      ),
      step: fc.constantFrom(-1, 0, 0, 1, 1, 2),
      content: fc.nat({ max: 2 }),
      isSeen: fc.boolean(),
      next: fc.constantFrom<Write["next"]>("nothing", "nothing", "time passes", "the agent restarts"),
      fates: fc.array(fate, { maxLength: 2 }),
    }),
    { maxLength: 7 },
  ),
  end: fc.constantFrom<StepEnd>(
    ...([
      { kind: "exited", code: 0 },
      { kind: "exited", code: 0 },
    ] as const),
    ...([
      { kind: "exited", code: 1 },
      { kind: "signaled", signal: "SIGKILL" },
    ] as const),
  ),
  lastFates: fc.array(fate, { maxLength: 3 }),
  settlesTwice: fc.boolean(),
});

/** What stands in the file. */
interface Text {
  readonly text: string | undefined;
  /** Why it cannot be the state; undefined if it can. */
  readonly why: RegExp | undefined;
}

/** Each write as a text, with what is to be thought of it. */
function textsOf({ writes, hasGiven }: Story): readonly Text[] {
  let serial = hasGiven ? givenSerial : 0;
  return writes.map(({ shape, step, content }): Text => {
    if (shape === "gone") return { text: undefined, why: /it is gone/ };
    if (shape === "empty") return { text: "", why: /it is empty/ };
    if (shape === "torn") return { text: given.slice(0, 40), why: /it is no whole JSON/ };
    if (shape === "given") serial = givenSerial;
    else serial = Math.max(0, serial + step);
    if (shape === "foreign") {
      return { text: textOf(serial, content, "foreign"), why: hasGiven ? /its lineage is foreign/ : undefined };
    }
    const isOlder = hasGiven && serial < givenSerial;
    const text = shape === "given" ? given : textOf(serial, content);
    return { text, why: isOlder ? /its serial \d+ is lower than 3/ : undefined };
  });
}

describe.each(testEngines)("random writes to a state file ($name)", (engine) => {
  let held: AsyncDisposableStack;
  let fixture: TestControl;
  let dir: string;
  let count = 0;

  beforeAll(async () => {
    held = new AsyncDisposableStack();
    dir = await mkdtemp(join(tmpdir(), "windlass-believed-"));
    held.defer(() => rm(dir, { recursive: true, force: true }));
    const { rows } = await engine.urls(held);
    fixture = held.use(await openTestControl({ rows }));
  });
  afterAll(() => held.disposeAsync());

  async function begin({ hasGiven }: Story): Promise<ApplyStates> {
    const name = `net-${++count}`;
    const { workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace(name));
    return ApplyStates.begin(fixture, join(dir, name), { workspace, given: hasGiven ? given : undefined });
  }

  /** Copying makes pauses, on the clock that stands still. */
  async function seen(states: ApplyStates, text: string): Promise<void> {
    await fixture.clock.advance(50);
    expect(states.latest).toBe(shaOf(text));
  }

  async function play(told: Story, states: ApplyStates): Promise<Ended> {
    const texts = textsOf(told);
    for (const [index, write] of told.writes.entries()) {
      const { text, why } = texts[index] ?? { text: undefined, why: undefined };
      const before = states.latest ?? (told.hasGiven ? shaOf(given) : undefined);
      states.fates.splice(0, Number.POSITIVE_INFINITY, ...write.fates);
      await states.write(text);
      if (write.isSeen && why === undefined && text !== undefined && shaOf(text) !== before) {
        await vi.waitFor(() => seen(states, text), { timeout: 5_000, interval: 1 });
      }
      if (write.next === "time passes") await states.pass();
      if (write.next === "the agent restarts") await states.restart();
    }
    states.fates.splice(0, Number.POSITIVE_INFINITY, ...told.lastFates);
    const ended = await states.end(told.end);
    if (!told.settlesTwice) return ended;
    await states.restart();
    const again = await states.end(told.end);
    expect(again.message).toBe(ended.message);
    return again;
  }

  async function check(told: Story, states: ApplyStates, { settled, message, isKept }: Ended): Promise<void> {
    const last = textsOf(told).at(-1) ?? {
      text: told.hasGiven ? given : undefined,
      why: told.hasGiven ? undefined : /it is gone/,
    };
    const before = told.hasGiven ? given : undefined;
    const newest = settled.final.newest;
    const current = await states.current();
    if (last.why === undefined) {
      expect(message).toBeUndefined();
      expect(current).toBe(last.text);
      expect(isKept).toBe(false);
      return;
    }
    // Nothing of what was taken on the way is lost.
    expect(current === undefined ? undefined : shaOf(current)).toBe(
      newest?.sha256 ?? (before === undefined ? undefined : shaOf(before)),
    );
    const isCutOff = last.text === "" || last.text === given.slice(0, 40);
    const isKill = told.end.kind !== "exited" || told.end.code !== 0;
    const isNothing = last.text === undefined && before === undefined && newest === undefined;
    // An empty file after a kill holds nothing that anybody could still want.
    const isForgotten = newest === undefined ? last.text === "" && told.end.kind !== "exited" : isCutOff && isKill;
    if (isNothing || isForgotten) return expect(message).toBeUndefined();
    expect(message).toMatch(last.why);
    const isWhole = last.text !== undefined && !isCutOff;
    expect(isKept).toBe(!isWhole);
    if (isWhole) expect(await states.aside()).toContain(shaOf(last.text ?? ""));
  }

  test("the last word is the workspace's state, or the run says why not and nothing is lost", {
    timeout: 240_000,
  }, async () => {
    const property = fc.asyncProperty(story, async (told) => {
      await using states = await begin(told);
      await check(told, states, await play(told, states));
    });
    await fc.assert(property, { numRuns: engine.name === "sqlite" ? 120 : 30 });
  });
});
