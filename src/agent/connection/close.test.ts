import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CloseReason, CloseSchema, ReconnectSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { intervalOf, outcomeOfClose, outcomeOfReconnect } from "./close.ts";
import { keepCredential, readCredential } from "./credential.ts";

/** A reason of a newer server: on the wire an enum is any number. */
const unknown = fromBinary(CloseSchema, Uint8Array.of(0x08, 99)).reason;

describe("what it means that the server closes a stream", () => {
  test.each([
    [CloseReason.SUPERSEDED, "a newer stream", { kind: "superseded", detail: "a newer stream" }],
    [CloseReason.REVOKED, "it was stolen", { kind: "token_rejected", detail: "it was stolen" }],
    [CloseReason.REVOKED, "", { kind: "token_rejected", detail: "the agent token was revoked" }],
    [CloseReason.DELETED, "", { kind: "deleted", detail: "the agent was deleted" }],
    [CloseReason.DELETED, "by ana", { kind: "deleted", detail: "by ana" }],
    [CloseReason.PROTOCOL, "no claim", { kind: "protocol_broken", detail: "no claim" }],
    [CloseReason.FLOOD, "too many", { kind: "protocol_broken", detail: "too many" }],
    [CloseReason.UNSPECIFIED, "?", { kind: "unavailable", reason: "the server closed the stream: ?" }],
    // Of a newer server: the agent comes back, and does not end.
    [unknown, "new", { kind: "unavailable", reason: "the server closed the stream: new" }],
  ])("%s %j", (reason, detail, outcome) => {
    expect(outcomeOfClose({ ...create(CloseSchema, { detail }), reason })).toEqual(outcome);
  });

  test("every reason that there is has a meaning of its own, or is worth another try", () => {
    const known = Object.values(CloseReason).filter((reason) => typeof reason === "number");
    const kinds = known.map((reason) => outcomeOfClose(create(CloseSchema, { reason })).kind);
    expect(kinds).toHaveLength(known.length);
    expect(kinds).not.toContain(undefined);
  });
});

test("when to come back is told in milliseconds, and at once if nothing is said", () => {
  const both = create(ReconnectSchema, { after: durationFromMs(1_500), maxDelay: durationFromMs(30_000) });
  expect(outcomeOfReconnect(both)).toEqual({ kind: "told_to_reconnect", afterMs: 1_500, maxDelayMs: 30_000 });
  expect(outcomeOfReconnect(create(ReconnectSchema))).toEqual({ kind: "told_to_reconnect", afterMs: 0, maxDelayMs: 0 });
  expect([intervalOf(undefined), intervalOf(durationFromMs(1))]).toEqual([0, 1]);
});

describe("the credential of a session", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "windlass-credential-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const credential = { sessionToken: "wdl_ses_x", clusterGeneration: "g1" };

  test("is there for a later process of this agent, and for its user alone", async () => {
    await keepCredential(directory, credential);
    expect(await readCredential(directory)).toEqual(credential);
    expect((await stat(join(directory, "session"))).mode & 0o077).toBe(0);
    await keepCredential(directory, { ...credential, sessionToken: "wdl_ses_y" });
    expect((await readCredential(directory))?.sessionToken).toBe("wdl_ses_y");
  });

  test("is all that is written down of what the server said", async () => {
    const more = { ...credential, jobToken: "wdl_job_secret" };
    await keepCredential(directory, more);
    expect(await readFile(join(directory, "session"), "utf8")).not.toContain("wdl_job_secret");
  });

  test.each([
    "",
    "{",
    "[]",
    "null",
    '{"sessionToken":""}',
    '{"sessionToken":"","clusterGeneration":"g"}',
    '{"sessionToken":1,"clusterGeneration":"g"}',
  ])("is none where the file is %j, and the agent registers again", async (text) => {
    await writeFile(join(directory, "session"), text);
    expect(await readCredential(directory)).toBeUndefined();
  });

  test("is none where there is no file", async () => {
    expect(await readCredential(directory)).toBeUndefined();
  });
});
