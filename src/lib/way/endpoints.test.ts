import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { Seeded } from "../../../test/support/seeded.ts";
import { systemRandom } from "../random.ts";
import { Endpoints } from "./endpoints.ts";

const urls = ["https://a", "https://b", "https://c"];

function endpoints(of: readonly string[] = urls, seed = 1) {
  const clock = new ManualClock();
  const chance = new Seeded(seed);
  return { clock, known: new Endpoints(of, { clock, random: { ...systemRandom, fraction: () => chance.fraction() } }) };
}

const firstOf = (known: Endpoints): string => known.order()[0] ?? "";

test("a fleet spreads: each address is first for about a third of it, and whoever leaves one goes to both others", () => {
  const first = new Map<string, number>();
  const second = new Map<string, number>();
  for (let seed = 1; seed <= 600; seed++) {
    const { known } = endpoints(urls, seed);
    const at = firstOf(known);
    known.isGood({ url: at });
    known.isStopping({ url: at });
    first.set(at, (first.get(at) ?? 0) + 1);
    if (at === "https://a") second.set(firstOf(known), (second.get(firstOf(known)) ?? 0) + 1);
  }
  for (const count of first.values()) expect(count).toBeGreaterThan(140);
  expect([...second.keys()].toSorted()).toEqual(["https://b", "https://c"]);
  for (const count of second.values()) expect(count).toBeGreaterThan(60);
});

describe("an address", () => {
  test("that is good stays the first, whatever is known of others", async () => {
    const { clock, known } = endpoints();
    known.isGood({ url: "https://b" });
    expect(firstOf(known)).toBe("https://b");
    await clock.advance(3_600_000);
    expect(firstOf(known)).toBe("https://b");
  });

  test("that fails is passed over for a pause that doubles, up to a minute, and is not forgotten", async () => {
    const { clock, known } = endpoints();
    const pauses: number[] = [];
    for (let failures = 0; failures < 9; failures++) {
      known.hasFailed({ url: "https://a" });
      expect(known.order().at(-1)).toBe("https://a");
      let ms = 0;
      for (; known.isPassedOver({ url: "https://a" }); ms += 100) await clock.advance(100);
      pauses.push(ms);
    }
    for (const [index, ms] of pauses.entries()) {
      const bound = Math.min(60_000, 1_000 * 2 ** index);
      expect(ms).toBeGreaterThanOrEqual(bound / 2);
      expect(ms).toBeLessThanOrEqual(bound + 100);
    }
    known.isGood({ url: "https://a" });
    known.hasFailed({ url: "https://a" });
    await clock.advance(1_000);
    expect(known.isPassedOver({ url: "https://a" })).toBe(false);
  });

  test("that stops is passed over while it may be started again", async () => {
    const { clock, known } = endpoints();
    known.isGood({ url: "https://a" });
    known.isStopping({ url: "https://a" });
    expect(known.current).toBeUndefined();
    expect(known.order().at(-1)).toBe("https://a");
    await clock.advance(15_000);
    expect(known.isPassedOver({ url: "https://a" })).toBe(false);
  });

  test("is tried even if all are passed over, the soonest first", async () => {
    const { clock, known } = endpoints();
    for (const url of urls) {
      known.hasFailed({ url });
      known.hasFailed({ url });
      known.hasFailed({ url });
      await clock.advance(1);
    }
    expect(known.order().toSorted()).toEqual(urls);
    known.isGood({ url: "https://c" });
    known.hasFailed({ url: "https://c" });
    expect(firstOf(known)).toBe("https://c");
  });
});

test("there is an untried one until each was left, and again once one was good", () => {
  const { known } = endpoints();
  known.hasFailed({ url: "https://a" });
  known.isStopping({ url: "https://b" });
  expect(known.hasUntried()).toBe(true);
  known.hasFailed({ url: "https://c" });
  expect(known.hasUntried()).toBe(false);
  known.isGood({ url: "https://c" });
  expect(known.hasUntried()).toBe(true);
});

test("one address is never tried twice in a hurry", async () => {
  const { clock, known } = endpoints(["https://a"]);
  known.isGood({ url: "https://a" });
  known.hasFailed({ url: "https://a" });
  await clock.advance(60_000);
  expect(known.hasUntried()).toBe(false);
  expect(known.order()).toEqual(["https://a"]);
});

describe("a name with several records is several addresses", () => {
  const url = "https://a";
  const hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

  test("of which the good one stays, and one that was left is the last", () => {
    const { known } = endpoints([url]);
    const [first = ""] = known.hostsInOrder(url, hosts);
    known.isGood({ url, host: first });
    expect(known.hostsInOrder(url, hosts)[0]).toBe(first);
    known.isStopping({ url, host: first });
    expect(known.hasUntried()).toBe(true);
    expect(known.hostsInOrder(url, hosts).at(-1)).toBe(first);
    expect(known.isPassedOver({ url })).toBe(false);
  });

  test("and they are passed over together once each of them is", () => {
    const { known } = endpoints([url, "https://b"]);
    known.hostsInOrder(url, hosts);
    for (const host of hosts) known.hasFailed({ url, host });
    expect(known.isPassedOver({ url })).toBe(true);
    expect(known.order()).toEqual(["https://b", url]);
  });

  test("and the system says which family comes first", () => {
    for (let seed = 1; seed < 20; seed++) {
      const { known } = endpoints([url], seed);
      const mixed = known.hostsInOrder(url, ["fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2"]);
      expect(mixed.slice(0, 2).toSorted()).toEqual(["fd00::1", "fd00::2"]);
    }
  });
});
