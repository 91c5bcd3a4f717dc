import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ProviderRegistry } from "../test/support/provider-registry.ts";
import { openScene } from "../test/support/scene.ts";
import { fleetTable } from "./benchmark/fleet.ts";
import { helloTable } from "./benchmark/hello.ts";
import { logTable } from "./benchmark/log-pane.ts";
import { compare, fakeProviders, manyObjects, type Place } from "./benchmark/providers.ts";
import { realProviders } from "./benchmark/real-providers.ts";
import { startTable } from "./benchmark/start.ts";
import { tfeTable } from "./benchmark/tfe.ts";
import { machine } from "./benchmark/timing.ts";
import { writesTable } from "./benchmark/writes.ts";

const usage = `scripts/bench [--rounds N] [--large-rounds N] [--only ROW,…] [--provider-mirror DIR] [--sandbox auto|none] [--agents N,…]
rows: fleet (idle agents), hello, log (its pane in a browser), start (of the programs), five (providers), size (200 MiB of providers), many (2,000 objects), tfe (the stock program, a cloud block), writes (runs created by many callers, on both databases)
--provider-mirror (or BENCH_PROVIDER_MIRROR): packed random, tls, null, time and local, instead of fakes in row five`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    rounds: { type: "string", default: "15" },
    "large-rounds": { type: "string", default: "3" },
    only: { type: "string", default: "hello,start,five,size,many,tfe,fleet,log,writes" },
    "provider-mirror": { type: "string", default: process.env.BENCH_PROVIDER_MIRROR ?? "" },
    sandbox: { type: "string", default: "none" },
    agents: { type: "string", default: "1000" },
  },
});

const count = (name: "rounds" | "large-rounds"): number => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0 && value <= 1000) return value;
  throw new Error(`--${name}: expected a number from 1 to 1000, got "${values[name]}"`);
};

async function measure(): Promise<void> {
  const [rounds, largeRounds] = [count("rounds"), count("large-rounds")];
  await using scene = await openScene();
  await using registry = await ProviderRegistry.open();
  const authority = join(scene.directory, "authority");
  await mkdir(authority);
  const server = await scene.server();
  const ca = await registry.writeCa(authority);
  const place: Place = { scene, server, registry, ca, sandbox: values.sandbox === "auto" ? "auto" : "none" };
  const { host } = registry;
  const mirror = values["provider-mirror"];
  const rows: Readonly<Record<string, () => Promise<string>>> = {
    hello: () => helloTable(scene, server, rounds),
    five: async () => {
      const set = await (mirror === "" ? fakeProviders(host, 0) : realProviders(mirror, host));
      return compare(place, { title: "five providers", set, rounds: Math.min(rounds, 7), changesAgain: true });
    },
    size: async () => {
      const set = await fakeProviders(host, 40 * 2 ** 20);
      return compare(place, { title: "large providers", set, rounds: largeRounds, changesAgain: true });
    },
    many: async () => {
      const set = await manyObjects(host, 2_000);
      return compare(place, { title: "2,000 objects", set, rounds: largeRounds, changesAgain: false });
    },
    start: () => startTable(scene, server, rounds),
    fleet: () => fleetTable(scene, values.agents.split(",").map(Number)),
    log: () => logTable(scene, server),
    tfe: () => tfeTable(scene, Math.min(rounds, 10), largeRounds),
    writes: () => writesTable(rounds * 40),
  };
  const wanted = values.only.split(",");
  const strangers = wanted.filter((name) => !(name in rows));
  if (strangers.length > 0) throw new Error(`--only: expected ${Object.keys(rows)}, got ${strangers}`);
  console.log(`${await machine()}, sandbox ${place.sandbox}`);
  for (const [name, table] of Object.entries(rows)) if (wanted.includes(name)) console.log(`\n${await table()}`);
}

if (values.help) console.log(usage);
else await measure();
