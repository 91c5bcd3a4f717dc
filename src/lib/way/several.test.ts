import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ownRefusal } from "../../../test/support/agent/own-refusal.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { systemRandom } from "../random.ts";
import { Endpoints } from "./endpoints.ts";
import { type EndpointTransport, type SeveralTransport, severalTransports } from "./several.ts";
import { WayError } from "./way-error.ts";

type Mood = "up" | "refused" | "mute" | "not ready";

/** Servers that answer, refuse or say nothing, each at an address of its own. */
class Servers {
  readonly moods = new Map<string, Mood>();
  readonly called: string[] = [];
  readonly connects: string[] = [];
  readonly closed: string[] = [];
  readonly held = Promise.withResolvers<void>();

  open(url: string): EndpointTransport {
    const answer = () => {
      this.called.push(url);
      if (this.moods.get(url) === "not ready") throw notReady;
      return { version: url };
    };
    const inner = createRouterTransport(({ service }) =>
      service(SystemService, {
        getServerInfo: answer,
        whoAmI: () => {
          throw ownRefusal("bad token", Code.Unauthenticated);
        },
        streamProbe: async function* (this: unknown) {
          yield answer() && { number: 1 };
          await Promise.resolve();
        },
      }),
    );
    return {
      ...inner,
      endpoint: { url },
      connect: (signal) => {
        this.connects.push(url);
        const mood = this.moods.get(url);
        if (mood === "mute")
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        return mood === "refused" ? Promise.reject(refused(url)) : Promise.resolve();
      },
      hangUp: () => {},
      close: () => void this.closed.push(url),
    };
  }
}

const notReady = ownRefusal("the server stops", Code.Unavailable, "SERVER_DRAINING");

function refused(url: string): ConnectError {
  const fault = { kind: "refused", step: "tcp", what: `no server answers at ${url}`, fix: "is it running?" } as const;
  const why = new WayError(fault);
  return new ConnectError(why.message, Code.Unavailable, undefined, undefined, why);
}

let servers: Servers;
let clock: ManualClock;
let endpoints: Endpoints;
let several: SeveralTransport;
const [a, b, c] = ["https://a", "https://b", "https://c"] as const;

/** Nobody's chance: addresses are called in the order in which they are given. */
const inOrder = { ...systemRandom, fraction: () => 0.5 };

beforeEach(() => start([a, b, c]));
afterEach(() => several.close());

function start(urls: readonly string[]): void {
  servers = new Servers();
  clock = new ManualClock();
  endpoints = new Endpoints(urls, { clock, random: inOrder });
  several = severalTransports({ endpoints, open: (url) => servers.open(url), clock });
}

const client = () => createClient(SystemService, several);
const version = async () => (await client().getServerInfo({})).version;
/** Lets what is ready go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("a call", () => {
  test("goes where the last one went", async () => {
    expect([await version(), await version()]).toEqual([a, a]);
    expect(new Set(servers.connects)).toEqual(new Set([a]));
  });

  test("that reaches no server is made at the next address, and the dead one is left alone for a while", async () => {
    servers.moods.set(a, "refused");
    expect([await version(), await version()]).toEqual([b, b]);
    expect(servers.connects.filter((url) => url === a)).toHaveLength(1);
    expect(servers.closed).toEqual([a]);
  });

  test("does not wait for an address that says nothing: the next is raced a second later", async () => {
    servers.moods.set(a, "mute");
    const asked = version();
    await settle();
    expect(servers.connects).toEqual([a]);
    await clock.advance(1_000);
    expect(await asked).toBe(b);
    await settle();
    expect(servers.closed).toEqual([a]);
  });

  test("is told what stands before each address when none is reached", async () => {
    for (const url of [a, b, c]) servers.moods.set(url, "refused");
    await expect(version()).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: `none of 3 addresses is reached: no server answers at ${a}; no server answers at ${b}; no server answers at ${c}`,
      cause: { fault: { kind: "refused" } },
    });
    servers.moods.set(c, "up");
    expect(await version()).toBe(c);
  });

  test("that a server could not take fails, for it may have been heard; the one after it goes elsewhere", async () => {
    servers.moods.set(a, "not ready");
    await expect(version()).rejects.toThrow("the server stops");
    expect(await version()).toBe(b);
    expect(servers.called).toEqual([a, b]);
  });

  test("that the server refuses is an answer, and no reason to leave", async () => {
    await expect(client().whoAmI({})).rejects.toThrow("bad token");
    expect(await version()).toBe(a);
    expect(endpoints.isPassedOver({ url: a })).toBe(false);
  });

  test("ends with its own deadline while no address answers", async () => {
    for (const url of [a, b, c]) servers.moods.set(url, "mute");
    const asked = client().getServerInfo({}, { timeoutMs: 5_000 });
    asked.catch(() => {});
    for (let second = 0; second < 5; second++) {
      await settle();
      await clock.advance(1_000);
    }
    await expect(asked).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  });
});

test("many calls at once share one connection", async () => {
  servers.moods.set(a, "refused");
  expect(await Promise.all([version(), version(), version()])).toEqual([b, b, b]);
  expect(servers.connects).toEqual([a, b]);
});

test("calls follow to the address that is known to be good", async () => {
  expect(await version()).toBe(a);
  endpoints.isGood({ url: c });
  expect(await version()).toBe(c);
  expect(servers.closed).toEqual([a]);
});

test("a connection that is left is closed when its last call is over", async () => {
  const reading = client().streamProbe({ pieces: 1 })[Symbol.asyncIterator]();
  await reading.next();
  endpoints.isStopping({ url: a });
  several.leave();
  expect(servers.closed).toEqual([]);
  expect(await version()).toBe(b);
  expect(servers.closed).toEqual([]);
  await reading.next();
  expect(servers.closed).toEqual([a]);
});

test("one address alone is called without a race", async () => {
  start([a]);
  servers.moods.set(a, "refused");
  expect(await version()).toBe(a);
  expect(servers.connects).toEqual([]);
});
