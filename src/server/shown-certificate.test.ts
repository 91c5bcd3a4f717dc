import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { selfSigned } from "../../test/support/certificate.ts";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { memoryLog } from "../lib/program/log.ts";
import type { TlsPair } from "./port.ts";
import { ShownCertificate } from "./shown-certificate.ts";

const clock = new ManualClock();
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-tls-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function put({ cert, key }: Partial<TlsPair>): Promise<void> {
  if (cert !== undefined) await writeFile(join(dir, "cert.pem"), cert);
  if (key !== undefined) await writeFile(join(dir, "key.pem"), key);
}

async function opened() {
  const { log, records } = memoryLog();
  const settings = { tlsCertFile: join(dir, "cert.pem"), tlsKeyFile: join(dir, "key.pem") };
  const shown: TlsPair[] = [];
  const certificate = await ShownCertificate.read({ settings, log, clock });
  const over = new AbortController();
  const following = certificate.follow({ replaceTls: (pair) => void shown.push(pair) }, over.signal);
  const end = () => {
    over.abort();
    return following;
  };
  return { certificate, shown, said: () => records.map(({ msg }) => msg), [Symbol.asyncDispose]: end };
}

const later = () => clock.advance(10_000);

test("a new certificate on the disk is shown without a word from anybody, once it fits its key", async () => {
  const [first, second] = [selfSigned(clock.now()), selfSigned(new Date(clock.now().getTime() + 3_600_000))];
  await put(first);
  await using following = await opened();
  expect(following.certificate.facts?.name).toBe("localhost");
  await put({ cert: second.cert });
  await later();
  await vi.waitFor(() =>
    expect(following.said()).toEqual(["the TLS files cannot be used: the certificate stays as it was"]),
  );
  await later();
  await put({ key: second.key });
  await later();
  await vi.waitFor(() => expect(following.shown).toEqual([second]));
  expect(following.said()).toEqual([
    "the TLS files cannot be used: the certificate stays as it was",
    "the TLS certificate was read again: new connections get it",
  ]);
});

test("the same files are not shown again", async () => {
  await put(selfSigned(clock.now()));
  await using following = await opened();
  await following.certificate.reread({ replaceTls: (pair) => void following.shown.push(pair) });
  expect(following.shown).toEqual([]);
  expect(following.said()).toEqual(["the TLS certificate was read again: it is the same"]);
});

test("a certificate that has expired is warned about at the start and when it is read", async () => {
  const expired = () => selfSigned(new Date(clock.now().getTime() - 3 * 24 * 3_600_000));
  await put(expired());
  await using following = await opened();
  const warning = expect.stringContaining("the TLS certificate has expired");
  expect(following.said()).toEqual([warning]);
  await put(expired());
  await later();
  await vi.waitFor(() => expect(following.said()).toHaveLength(3));
  expect(following.said()[2]).toEqual(warning);
});

test("a certificate that is not valid yet is warned about, and shown", async () => {
  const early = selfSigned(new Date(clock.now().getTime() + 3 * 24 * 3_600_000));
  await put(selfSigned(clock.now()));
  await using following = await opened();
  expect(following.said()).toEqual([]);
  await put(early);
  await following.certificate.reread({ replaceTls: (pair) => void following.shown.push(pair) });
  expect(following.shown).toEqual([early]);
  expect(following.said()[1]).toContain("the TLS certificate is not valid yet");
});

test("the key of another certificate is refused at the start, and leaves the one that is shown", async () => {
  const [first, second] = [selfSigned(clock.now()), selfSigned(clock.now())];
  await put({ cert: first.cert, key: second.key });
  await expect(opened()).rejects.toThrow(/do not fit together: .*key values mismatch/);
  await put(first);
  await using following = await opened();
  await put({ key: second.key });
  await following.certificate.reread({ replaceTls: (pair) => void following.shown.push(pair) });
  expect(following.shown).toEqual([]);
  expect(following.said()).toEqual(["the TLS files cannot be used: the certificate stays as it was"]);
});
