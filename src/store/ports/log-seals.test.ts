import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pooledEngines } from "../../../test/engines.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { openLogStore } from "../open.ts";
import type { LogStore } from "./logs.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe.each(pooledEngines)("the log store on $name", (engine) => {
  let held: AsyncDisposableStack;
  let logs: LogStore;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const { logs: url } = await engine.urls(held);
    logs = held.use(await openLogStore({ url, settings: engine.settings, clock: new ManualClock() }));
  });
  afterEach(() => held.disposeAsync());

  test("a seal asked for at once with late appends fails none of them, nor those of other streams", async () => {
    const names = Array.from({ length: 60 }, (_, index) => `job_late/${index}`);
    const [sent, late] = [Buffer.from("hello"), Buffer.from(" late")];
    await Promise.all(names.map((name) => logs.append(name, 0, sent)));
    const results = await Promise.all(
      names.map(async (name, index) => {
        const sealing = logs.seal(name, sent.length, sha256(sent));
        await Promise.all(Array.from({ length: index % 7 }, () => logs.nextOffset(name)));
        return [(await logs.append(name, sent.length, late)).kind, (await sealing).kind];
      }),
    );
    const either = [
      ["appended", "mismatch"],
      ["sealed", "sealed"],
    ];
    for (const result of results) expect(either).toContainEqual(result);
  });
});
