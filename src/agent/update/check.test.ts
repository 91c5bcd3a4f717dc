import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { publicKeys, signManifest } from "../../../scripts/releasing/manifest.ts";
import { chooseRelease, journalFormat, trustManifest, type UpdateRules } from "./check.ts";
import type { SignedManifest, UpdateManifest, UpdateRelease } from "./manifest.ts";
import { type UpdateRecord, withBadVersion } from "./record.ts";

const pairs = Array.from({ length: 4 }, () => generateKeyPairSync("ed25519"));
const pemOf = ({ privateKey }: { readonly privateKey: KeyObject }) =>
  String(privateKey.export({ type: "pkcs8", format: "pem" }));
const [a = "", b = "", c = "", stranger = ""] = pairs.map(pemOf);
const now = new Date("2026-12-01T00:00:00Z");
const hour = 3_600_000;

const rules: UpdateRules = {
  strategy: "patch",
  version: "1.4.1",
  serverVersion: "1.4.0",
  os: "linux",
  arch: "x64",
  keys: publicKeys([a, b, c]),
};
const fresh: UpdateRecord = { sequence: 10, keys: [], bad: [] };
const artifact = { os: "linux", arch: "x64", file: "agent.tar.gz", size: 1_000, sha256: "0".repeat(64) };
const release: UpdateRelease = {
  version: "1.4.2",
  min_server: "1.4.0",
  journal_format: journalFormat,
  artifacts: [artifact],
};
const manifest = (change: Partial<UpdateManifest> = {}): UpdateManifest => ({
  schema: 1,
  product: "windlass-agent",
  sequence: 10,
  expires: "2026-12-02T00:00:00.000Z",
  releases: [release],
  next_keys: [],
  ...change,
});

function signed(body: unknown, keys: readonly string[] = [a, b]): SignedManifest {
  const bytes = Buffer.from(JSON.stringify(body));
  return { manifest: bytes, signatures: Buffer.from(JSON.stringify(signManifest(bytes, keys))) };
}

const facts = { rules, record: fresh, now };
const why = (outcome: { readonly kind: string; readonly reason?: string }) => outcome.reason ?? outcome.kind;

describe("a manifest is trusted", () => {
  test("with two of three signatures over its exact bytes, and from the sequence on that was seen", () => {
    expect(why(trustManifest(signed(manifest()), facts))).toBe("trusted");
    expect(why(trustManifest(signed(manifest(), [c, a]), facts))).toBe("trusted");
    expect(why(trustManifest(signed(manifest({ sequence: 11 })), facts))).toBe("trusted");
  });

  /** One signature twice, under both names, and one of a key that is not known. */
  const once = (): SignedManifest => {
    const good = signed(manifest());
    const { signatures } = JSON.parse(Buffer.from(good.signatures).toString());
    return { ...good, signatures: Buffer.from(JSON.stringify({ signatures: [signatures[0], signatures[0]] })) };
  };
  const changed = (): SignedManifest => {
    const good = signed(manifest());
    return { ...good, manifest: Buffer.from(Buffer.from(good.manifest).toString().replace("1.4.2", "1.4.3")) };
  };

  test.each<readonly [string, SignedManifest, string]>([
    ["one signature that comes twice", once(), "SIGNATURE"],
    ["a key that is not known beside one that is", signed(manifest(), [a, stranger]), "SIGNATURE"],
    ["another byte than was signed", changed(), "SIGNATURE"],
    ["no signatures at all", { ...signed(manifest()), signatures: Buffer.from("{}") }, "SIGNATURE"],
    ["signatures that are no JSON", { ...signed(manifest()), signatures: Buffer.from("…") }, "SIGNATURE"],
    ["a form that is not known", signed({ ...manifest(), schema: 2 }), "SIGNATURE"],
    ["another product", signed({ ...manifest(), product: "windlassd" }), "SIGNATURE"],
    ["an end that is now", signed(manifest({ expires: now.toISOString() })), "EXPIRED"],
    ["an older sequence", signed(manifest({ sequence: 9 })), "SEQUENCE"],
  ])("not with %s", (_, given, reason) => {
    expect(why(trustManifest(given, facts))).toBe(reason);
  });

  test("by keys that an earlier one has announced, two of that set, and not by one of each", () => {
    const next = Array.from({ length: 2 }, () => pemOf(generateKeyPairSync("ed25519")));
    const knowing = { ...facts, record: { ...fresh, keys: [...publicKeys(next)] } };
    expect(why(trustManifest(signed(manifest(), next), facts))).toBe("SIGNATURE");
    expect(why(trustManifest(signed(manifest(), next), knowing))).toBe("trusted");
    expect(why(trustManifest(signed(manifest(), [a, next[0] ?? ""]), knowing))).toBe("SIGNATURE");
  });

  test("a signature of other bytes under a known key's name counts for nothing", () => {
    const good = signed(manifest());
    const { signatures } = JSON.parse(Buffer.from(good.signatures).toString());
    const [first, second] = signatures;
    const [pair] = pairs;
    const forged = { ...second, signature: sign(null, Buffer.from("x"), pair?.privateKey ?? a).toString("base64") };
    const bad = { ...good, signatures: Buffer.from(JSON.stringify({ signatures: [first, forged] })) };
    expect(why(trustManifest(bad, facts))).toBe("SIGNATURE");
  });
});

/** Releases over the years, as an agent sees them that has not been started for a long time. */
describe("keys are replaced", () => {
  const generation = () => Array.from({ length: 3 }, () => pemOf(generateKeyPairSync("ed25519")));
  const [second, third] = [generation(), generation()];
  const announcing = (sequence: number, next: readonly string[], by: readonly string[]) =>
    signed(manifest({ sequence, next_keys: [...publicKeys(next)] }), by);
  const knowing = (keys: readonly string[], sequence = 10) => ({
    ...facts,
    record: { ...fresh, sequence, keys: [...keys] },
  });

  test("one generation after the other, over two major versions", () => {
    const first = announcing(20, second, [a, b]);
    expect(trustManifest(first, facts)).toMatchObject({ kind: "trusted", manifest: { next_keys: publicKeys(second) } });
    const afterFirst = knowing(publicKeys(second), 20);
    const next = announcing(30, third, second.slice(0, 2));
    expect(why(trustManifest(next, facts))).toBe("SIGNATURE");
    expect(why(trustManifest(next, afterFirst))).toBe("trusted");
    const last = signed(manifest({ sequence: 40 }), third.slice(1));
    expect(why(trustManifest(last, afterFirst))).toBe("SIGNATURE");
    expect(why(trustManifest(last, knowing(publicKeys(third), 30)))).toBe("trusted");
  });

  test("an agent that has missed an announcement crosses it where both generations sign", () => {
    const both = announcing(30, third, [a, b, ...second.slice(0, 2)]);
    expect([facts, knowing(publicKeys(second), 20)].map((known) => why(trustManifest(both, known)))).toEqual([
      "trusted",
      "trusted",
    ]);
    expect(why(trustManifest(announcing(31, third, [a, ...second.slice(0, 1)]), facts))).toBe("SIGNATURE");
  });

  test("an old manifest that announces other keys is no way back", () => {
    const old = announcing(20, [stranger, stranger, stranger], [a, b]);
    expect(why(trustManifest(old, knowing(publicKeys(second), 21)))).toBe("SEQUENCE");
  });
});

describe("a version is chosen", () => {
  test("if nothing speaks against it", () => {
    expect(chooseRelease(manifest(), "1.4.2", facts)).toMatchObject({ kind: "chosen", artifact });
  });

  const offering = (change: Partial<UpdateRelease>) => manifest({ releases: [{ ...release, ...change }] });
  const bad = (isDoubtful: boolean, record = fresh) =>
    withBadVersion(record, { version: "1.4.2", why: "crash", isDoubtful }, now);

  test.each<readonly [string, UpdateManifest, string, Partial<typeof facts>, string]>([
    ["a disabled agent", manifest(), "1.4.2", { rules: { ...rules, strategy: "disabled" } }, "STRATEGY"],
    ["another minor version under patch", offering({ version: "1.5.0" }), "1.5.0", {}, "STRATEGY"],
    [
      "another major version",
      offering({ version: "2.0.0" }),
      "2.0.0",
      { rules: { ...rules, strategy: "minor" } },
      "STRATEGY",
    ],
    ["a version that is none", offering({ version: "1.4" }), "1.4", {}, "STRATEGY"],
    ["a version that is not listed", manifest(), "1.4.9", {}, "PLATFORM"],
    ["a withdrawn one", offering({ withdrawn: "it eats states" }), "1.4.2", {}, "BAD_VERSION"],
    ["one that has failed here", manifest(), "1.4.2", { record: bad(false) }, "BAD_VERSION"],
    ["another processor", offering({ artifacts: [{ ...artifact, arch: "arm64" }] }), "1.4.2", {}, "PLATFORM"],
    [
      "more bytes than an agent may have",
      offering({ artifacts: [{ ...artifact, size: 2 ** 40 }] }),
      "1.4.2",
      {},
      "DOWNLOAD",
    ],
    ["an older server", offering({ min_server: "1.5.0" }), "1.4.2", {}, "SERVER_VERSION"],
    ["journals that it could not read", offering({ journal_format: journalFormat + 2 }), "1.4.2", {}, "JOURNAL_FORMAT"],
  ])("not with %s", (_, given, target, more, reason) => {
    expect(why(chooseRelease(given, target, { ...facts, ...more }))).toBe(reason);
  });

  test("down as well as up, and under minor across minor versions", () => {
    const minor = { ...facts, rules: { ...rules, strategy: "minor" as const } };
    expect(why(chooseRelease(offering({ version: "1.4.0" }), "1.4.0", facts))).toBe("chosen");
    expect(why(chooseRelease(offering({ version: "1.9.0" }), "1.9.0", minor))).toBe("chosen");
  });

  test("again after a day, and after a quarter of an hour where it may have been the server's fault, once", () => {
    const later = (ms: number) => new Date(now.getTime() + ms);
    const at = (record: UpdateRecord, ms: number) =>
      why(chooseRelease(manifest(), "1.4.2", { rules, record, now: later(ms) }));
    expect([at(bad(false), 23 * hour), at(bad(false), 25 * hour)]).toEqual(["BAD_VERSION", "chosen"]);
    expect([at(bad(true), hour / 5), at(bad(true), hour)]).toEqual(["BAD_VERSION", "chosen"]);
    expect(at(bad(true, bad(true)), hour)).toBe("BAD_VERSION");
  });
});
