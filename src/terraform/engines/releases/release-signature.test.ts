import { reformatKey, revokeKey } from "openpgp";
import { beforeAll, describe, expect, test } from "vitest";
import { detachedSignature, type ReleaseKey, releaseKey } from "../../../../test/support/release-mirror.ts";
import { checkSignature, nameOf, trustedKeys } from "./release-signature.ts";

const dayMs = 86_400_000;
const day = (count: number) => new Date(Date.UTC(2026, 0, 1) + count * dayMs);
const sums = `${"a".repeat(64)}  terraform_1.2.3_linux_amd64.zip\n`;
const now = day(100);

interface Case {
  readonly signer: ReleaseKey;
  readonly trusted?: string;
  readonly content?: string;
  readonly signedAt?: Date;
}

async function check({ signer, trusted, content = sums, signedAt = day(2) }: Case) {
  const signature = await detachedSignature(sums, signer, signedAt);
  const keys = await trustedKeys("terraform", trusted);
  return await checkSignature({ content: Buffer.from(content), signature, keys, now });
}

describe("the vendors' keys", () => {
  test.each([
    ["terraform", "HashiCorp Security (C874011F0AB405110D02105534365D9472D7468F)"],
    ["tofu", "OpenTofu (E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80)"],
  ] as const)("of %s is compiled in, whole and able to sign", async (engine, name) => {
    const keys = await trustedKeys(engine, undefined);
    expect(keys.map(nameOf)).toEqual([name]);
    for (const key of keys) {
      await key.verifyPrimaryKey(day(300));
      expect((await key.getSigningKey(undefined, day(300))).getKeyID().toHex()).toMatch(/^[0-9a-f]{16}$/);
    }
  });

  test("count for their own program only; the operator's count for both", async () => {
    const own = await releaseKey("Ours");
    const names = async (engine: "terraform" | "tofu") => (await trustedKeys(engine, own.armored)).map(nameOf);
    expect(await names("terraform")).toEqual([expect.stringContaining("HashiCorp"), expect.stringContaining("Ours")]);
    expect(await names("tofu")).toEqual([expect.stringContaining("OpenTofu"), expect.stringContaining("Ours")]);
  });

  test("the operator's file may hold several keys, and must hold one", async () => {
    const [one, two] = [await releaseKey("One"), await releaseKey("Two")];
    const both = `our keys\n${one.armored}\nand the old one\n${two.armored}`;
    expect(await trustedKeys("tofu", both)).toHaveLength(3);
    await expect(trustedKeys("tofu", "nothing")).rejects.toThrow("no armored OpenPGP public key");
    await expect(trustedKeys("tofu", one.armored.replace(/\n\n[^-]+/, "\n\nAAAA\n"))).rejects.toThrow();
  });
});

describe("a signature", () => {
  let ours: ReleaseKey;
  beforeAll(async () => {
    ours = await releaseKey("Ours", { date: day(0) });
  });

  test("of a trusted key over this very file is good, armored or not, and names the key", async () => {
    expect(await check({ signer: ours, trusted: ours.armored })).toEqual({
      kind: "good",
      by: expect.stringMatching(/^Ours \([0-9A-F]{40}\)$/),
    });
    const bytes = Buffer.from(await detachedSignature(sums, ours, day(2)));
    const armored = `-----BEGIN PGP SIGNATURE-----\n\n${bytes.toString("base64")}\n-----END PGP SIGNATURE-----\n`;
    const keys = await trustedKeys("terraform", ours.armored);
    const signature = Buffer.from(armored);
    expect(await checkSignature({ content: Buffer.from(sums), signature, keys, now })).toMatchObject({ kind: "good" });
  });

  test("of another key is refused by the key's id", async () => {
    const other = await releaseKey("Other", { date: day(0) });
    const id = other.privateKey.getKeyID().toHex().toUpperCase();
    expect(await check({ signer: other, trusted: ours.armored })).toEqual({
      kind: "refused",
      why: `key ${id} is not trusted`,
    });
    expect(await check({ signer: other })).toMatchObject({ kind: "refused" });
  });

  test("over another file is refused", async () => {
    const content = sums.replace("a", "b");
    expect(await check({ signer: ours, trusted: ours.armored, content })).toEqual({
      kind: "refused",
      why: expect.stringContaining("it does not match"),
    });
  });

  test("that is none, or empty, is refused", async () => {
    const keys = await trustedKeys("terraform", ours.armored);
    for (const signature of [Buffer.from("<html>"), Buffer.alloc(0), Buffer.from("-----BEGIN PGP SIGNATURE-----")])
      expect(await checkSignature({ content: Buffer.from(sums), signature, keys, now })).toEqual({
        kind: "refused",
        why: "it is no OpenPGP signature",
      });
  });

  test("from the future is refused", async () => {
    expect(await check({ signer: ours, trusted: ours.armored, signedAt: day(200) })).toMatchObject({ kind: "refused" });
  });

  test("of an expired key is refused, also one made in time: who stole an old key could date back", async () => {
    const expired = await releaseKey("Old", { date: day(0), lifeMs: 50 * dayMs });
    expect(await check({ signer: expired, trusted: expired.armored })).toEqual({
      kind: "refused",
      why: expect.stringMatching(/^key Old \([0-9A-F]{40}\) has expired on 2026-02-20$/),
    });
  });

  test("of a renewed key is good, also one made before it was renewed", async () => {
    const first = await releaseKey("Long", { date: day(0), lifeMs: 50 * dayMs });
    const { publicKey } = await reformatKey({
      privateKey: first.privateKey,
      userIDs: [{ name: "Long" }],
      keyExpirationTime: (1000 * dayMs) / 1000,
      date: day(40),
      format: "object",
    });
    expect(await check({ signer: first, trusted: publicKey.armor() })).toMatchObject({ kind: "good" });
    expect(await check({ signer: first, trusted: `${first.armored}\n${publicKey.armor()}` })).toMatchObject({
      kind: "good",
    });
  });

  test("of a revoked key is refused", async () => {
    const signer = await releaseKey("Lost", { date: day(0) });
    const { publicKey } = await revokeKey({ key: signer.privateKey, date: day(50), format: "object" });
    expect(await check({ signer, trusted: publicKey.armor() })).toEqual({
      kind: "refused",
      why: expect.stringMatching(/^key Lost \([0-9A-F]{40}\) is revoked$/),
    });
  });
});
