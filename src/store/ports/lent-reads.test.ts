import { expect, test } from "vitest";
import { pooledEngines } from "../../../test/engines.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { openLogStore } from "../open.ts";
import { maxReadBytes } from "./logs.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test.each(pooledEngines)(
  "on $name, what is read in memory that was used before is the log's alone, and what was not given back stays",
  async (engine) => {
    await using held = new AsyncDisposableStack();
    const { logs: url } = await engine.urls(held);
    const logs = held.use(await openLogStore({ url, settings: engine.settings, clock: new ManualClock() }));
    const kept = "the secret of another organization".repeat(1_000);
    await logs.append("s/1", 0, bytes(kept));
    await logs.append("s/2", 0, bytes("short"));
    const first = await logs.read("s/1", 0, 200_000, "lent");
    first.lent?.giveBack();
    // Twice is as good as once.
    first.lent?.giveBack();
    const [second, third] = await Promise.all([logs.read("s/2", 1, 200_000, "lent"), logs.read("s/1", 4, 6, "lent")]);
    second.lent?.[Symbol.dispose]();
    for (const unknown of ["s/3", "s/2"]) {
      const none = await logs.read(unknown, 5, 200_000, "lent");
      expect([none.bytes.length, none.nextOffset]).toEqual([0, 5]);
      none.lent?.giveBack();
    }
    const fourth = await logs.read("s/1", 0, maxReadBytes, "lent");
    expect(new TextDecoder().decode(second.bytes)).toBe("hort");
    expect(new TextDecoder().decode(third.bytes)).toBe("secret");
    expect(new TextDecoder().decode(fourth.bytes)).toBe(kept);
  },
);
