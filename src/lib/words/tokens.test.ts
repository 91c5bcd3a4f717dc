import { describe, expect, test } from "vitest";
import { systemRandom } from "../random.ts";
import {
  hashToken,
  maskToken,
  maskTokensIn,
  mintDerivedToken,
  mintToken,
  parseToken,
  sameHash,
  tokenKinds,
} from "./tokens.ts";

describe("tokens", () => {
  test.each(tokenKinds)("a minted %s token has the documented form and passes its own check", (kind) => {
    const token = mintToken(kind, systemRandom);
    expect(token).toMatch(new RegExp(`^wdl_${kind}_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}$`));
    expect(parseToken(token)).toEqual({ kind: "ok", tokenKind: kind });
  });

  test("the form of a token never changes", () => {
    const zeros = { ...systemRandom, bytes: (length: number) => new Uint8Array(length) };
    expect(mintToken("usr", zeros)).toMatchInlineSnapshot(`"wdl_usr_000000000000000000000000000000_0ZVdfP"`);
  });

  test("one wrong character is a bad checksum", () => {
    const token = mintToken("agt", systemRandom);
    const wrong = token.charAt(10) === "A" ? "B" : "A";
    expect(parseToken(token.slice(0, 10) + wrong + token.slice(11))).toEqual({ kind: "bad-checksum" });
    expect(parseToken(token.replace("_agt_", "_usr_"))).toEqual({ kind: "bad-checksum" });
  });

  test.each(["", "wdl_", "hello", "wdl_xyz_000000000000000000000000000000_000000", " wdl_usr_"])(
    "%j is malformed",
    (text) => {
      expect(parseToken(text)).toEqual({ kind: "malformed" });
    },
  );

  test("a derived token depends on key, kind and label, and on nothing else", () => {
    const key = systemRandom.bytes(32);
    const token = mintDerivedToken("job", key, "job_1 epoch 2");
    expect(mintDerivedToken("job", key, "job_1 epoch 2")).toBe(token);
    expect(parseToken(token)).toEqual({ kind: "ok", tokenKind: "job" });
    expect(mintDerivedToken("job", key, "job_1 epoch 3")).not.toBe(token);
    expect(mintDerivedToken("job", systemRandom.bytes(32), "job_1 epoch 2")).not.toBe(token);
    expect(mintDerivedToken("ses", key, "job_1 epoch 2").slice(8)).not.toBe(token.slice(8));
  });

  test("hashes compare by content", () => {
    const hash = hashToken("a");
    expect(hash).toHaveLength(64);
    expect(sameHash(hash, hashToken("a"))).toBe(true);
    expect(sameHash(hash, hashToken("b"))).toBe(false);
    expect(sameHash(hash, "short")).toBe(false);
  });

  test("a mask shows the kind and four characters", () => {
    const token = mintToken("usr", systemRandom);
    expect(maskToken(token)).toBe(`${token.slice(0, 12)}…`);
    expect(maskToken("my password")).toBe("…");
    expect(maskTokensIn(`got ${token}, and ${token.slice(0, 20)}`)).toBe(
      `got ${token.slice(0, 12)}…, and ${token.slice(0, 12)}…`,
    );
  });
});
