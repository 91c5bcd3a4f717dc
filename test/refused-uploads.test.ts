import { create, type Message } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { JobArtifactService } from "../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { ConfigurationService } from "../src/gen/windlass/v1/configuration_service_pb.ts";
import { StateService } from "../src/gen/windlass/v1/state_service_pb.ts";
import { Readiness } from "../src/http/readiness.ts";
import type { TlsFiles } from "../src/http/sockets.ts";
import { gateFor, interceptorsFor } from "../src/rpc/interceptors.ts";
import { openWorld, type PrincipalName, type World } from "./authorization/world.ts";
import { selfSigned } from "./support/certificate.ts";
import { type Listener, listen } from "./support/listen.ts";
import { http2Types, partings, type Upload, uploadAndPart, uploadOverHttp1 } from "./support/rude-upload.ts";
import { until } from "./support/until.ts";

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let world: World;
let listener: Listener;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => open());

async function open(tls?: TlsFiles): Promise<void> {
  const { control, routes, callers } = world;
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, readiness: new Readiness(), log: control.log },
    ...{ interceptors: interceptorsFor(control, callers), gate: gateFor(control, callers) },
    ...(tls === undefined ? {} : { tls }),
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
}
afterEach(() => listener.close(0));

/** 480 kB that are nothing: neither an archive nor a state nor a plan; and one byte more than was announced. */
const bytes = new Uint8Array(480 * 1024).fill(7);
const sizeBytes = BigInt(bytes.length - 1);
const sha256 = "0".repeat(64);

interface Kind {
  readonly name: string;
  readonly who: PrincipalName;
  readonly method: Upload["method"];
  readonly parts: () => readonly unknown[];
}

const chunk = (name = "chunk") => ({ part: { case: name, value: bytes } });
const header = (value: object) => ({ part: { case: "header", value } });
const inPlace = (value: object) => [header({ workspace: world.places.own.workspace, sizeBytes, sha256, ...value })];
const planParts = () => [header({ planSizeBytes: sizeBytes, planSha256: sha256 }), chunk("planChunk")];
const uploadConfiguration = ConfigurationService.method.uploadConfiguration;
const stateParts = () => [header({ sizeBytes, sha256, lineage: "x", serial: 1n }), chunk()];

const kinds: readonly Kind[] = [
  { name: "no archive", who: "owner", method: uploadConfiguration, parts: () => [...inPlace({}), chunk()] },
  { name: "a reader's archive", who: "reader", method: uploadConfiguration, parts: () => [...inPlace({}), chunk()] },
  {
    ...{ name: "a reader's state", who: "reader", method: StateService.method.uploadState },
    parts: () => [...inPlace({}), chunk()],
  },
  {
    name: "a plan of an apply",
    who: "token of an apply",
    method: JobArtifactService.method.uploadPlan,
    parts: planParts,
  },
  {
    name: "a plan that is longer",
    who: "token of a plan",
    method: JobArtifactService.method.uploadPlan,
    parts: planParts,
  },
  {
    name: "a state of a plan",
    who: "token of a plan",
    method: JobArtifactService.method.uploadState,
    parts: stateParts,
  },
  {
    name: "a state that is longer",
    who: "token of an apply",
    method: JobArtifactService.method.uploadState,
    parts: stateParts,
  },
];

const messagesOf = ({ method, parts }: Kind): readonly Message[] =>
  parts().map((part) => create(method.input, part as never));

const uploadOf = (kind: Kind, type: Upload["type"]): Upload => ({
  ...{ url: listener.url, method: kind.method, type },
  ...{ token: world.credentials[kind.who], messages: messagesOf(kind) },
});

const nobodyLeft = () =>
  until("every connection is gone", () => listener.connections === 0, {
    deadlineMs: 1_000,
    seen: () => listener.connections,
  });

describe("a refused upload leaves no connection", () => {
  test.each(partings.flatMap((parting) => http2Types.map((type) => [parting, type] as const)))(
    "of a caller that %s (%s)",
    async (parting, type) => {
      for (const kind of kinds) {
        await Promise.all(Array.from({ length: 5 }, () => uploadAndPart(uploadOf(kind, type), parting)));
        await nobodyLeft();
      }
    },
  );

  test("in twenty tries", async () => {
    const [, kind] = kinds;
    if (kind === undefined) throw new Error("expected a kind");
    const all = Array.from({ length: 20 }, () => uploadAndPart(uploadOf(kind, "application/grpc"), partings[0]));
    await Promise.all(all);
    await nobodyLeft();
  });

  test.each(partings)("over TLS either, of a caller that %s", async (parting) => {
    await listener.close(0);
    await open(selfSigned(new Date()));
    for (const kind of kinds) {
      for (const type of http2Types) await uploadAndPart(uploadOf(kind, type), parting);
      const { method, token, messages } = uploadOf(kind, "application/grpc");
      expect(await uploadOverHttp1({ url: listener.url, method, token, messages })).toBe("HTTP/1.1 200 OK");
      await nobodyLeft();
    }
  });

  test.each(kinds.map((kind) => [kind.name, kind] as const))("over HTTP/1.1 either: %s", async (_name, kind) => {
    const { method, token, messages } = uploadOf(kind, "application/grpc");
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => uploadOverHttp1({ url: listener.url, method, token, messages })),
    );
    expect(answers).toEqual(Array(5).fill("HTTP/1.1 200 OK"));
    await nobodyLeft();
  });
});

test("a server with refused uploads behind it stops at once", async () => {
  for (const kind of kinds) {
    await Promise.all(partings.map((parting) => uploadAndPart(uploadOf(kind, "application/grpc"), parting)));
  }
  const before = performance.now();
  await listener.close(30_000);
  expect(performance.now() - before).toBeLessThan(3_000);
});
