import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";
import { currentToken, tokenSourceOf, whoElseReads } from "./token-source.ts";

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-token-"));
  file = join(dir, "token");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const mint = () => mintToken("agt", systemRandom);

test("a token that was rotated in its file is the one that counts from then on", async () => {
  const [old, fresh] = [mint(), mint()];
  await writeFile(file, `${old}\n`);
  const problems: string[] = [];
  const now = currentToken(
    tokenSourceOf({ token: undefined, tokenFile: file }, {}, problems),
    (why) => void problems.push(why),
  );
  expect(now()).toBe(old);
  await writeFile(file, `${fresh}\n`);
  expect([now(), problems]).toEqual([fresh, []]);
});

test("while the file is gone, or holds no token yet, the last good token goes on", async () => {
  const token = mint();
  await writeFile(file, token);
  const warnings: string[] = [];
  const now = currentToken({ token, file }, (why) => void warnings.push(why));
  await writeFile(file, "");
  expect(now()).toBe(token);
  await rm(file);
  expect(now()).toBe(token);
  expect(warnings).toEqual([
    expect.stringContaining("no token of Windlass"),
    expect.stringContaining("cannot be read: ENOENT"),
  ]);
});

test("the file of the variable is read again as well, and a pipe never is", () => {
  const token = mint();
  const of = (path: string) => tokenSourceOf({ token, tokenFile: undefined }, { WINDLASS_AGENT_TOKEN_FILE: path }, []);
  expect(of("/etc/windlass/token")).toEqual({ token, file: "/etc/windlass/token" });
  expect(of("/dev/fd/3")).toEqual({ token });
});

test.each([
  [0o600, undefined],
  [0o640, undefined],
  [0o644, /everybody may read the agent token in .*token \(mode 0644\)/],
])("a token file of mode %o is a secret, or it is said who reads it", async (mode, said) => {
  await writeFile(file, mint());
  await chmod(file, mode);
  const told = whoElseReads({ token: "", file });
  if (said === undefined) expect(told).toBeUndefined();
  else expect(told).toMatch(said);
});

describe("an identity", () => {
  const jwt = (text: string) =>
    ["eyJhbGciOiJSUzI1NiJ9", Buffer.from(text).toString("base64url"), "c2lnbmF0dXJl"].join(".");
  const given = { token: undefined, tokenFile: undefined };

  test("names its pool before it, and the one that the kubelet writes next counts from then on", async () => {
    await writeFile(file, `${jwt("first")}\n`);
    const problems: string[] = [];
    const source = tokenSourceOf({ ...given, identityTokenFile: file, pool: "acme/prod" }, {}, problems);
    const now = currentToken(source, (why) => void problems.push(why));
    expect(now()).toBe(`acme/prod/${jwt("first")}`);
    await writeFile(file, jwt("second"));
    expect([now(), problems]).toEqual([`acme/prod/${jwt("second")}`, []]);
    await writeFile(file, "");
    expect([now(), problems]).toEqual([
      `acme/prod/${jwt("second")}`,
      [expect.stringContaining("holds no OpenID Connect token")],
    ]);
  });

  test.each<[string, Parameters<typeof tokenSourceOf>[0], RegExp]>([
    ["without a pool", { ...given, identityTokenFile: "FILE" }, /needs --pool/],
    ["beside an agent token", { ...given, token: mint(), identityTokenFile: "FILE", pool: "a/b" }, /give one of them/],
    ["that is not there", { ...given, identityTokenFile: "FILE-2", pool: "a/b" }, /cannot be read/],
    ["of a pool without its file", { ...given, token: mint(), pool: "a/b" }, /--pool belongs to/],
  ])("%s is a mistake, and said once", async (_, settings, problem) => {
    await writeFile(file, jwt("first"));
    const problems: string[] = [];
    const path = settings.identityTokenFile?.replace("FILE", file);
    tokenSourceOf({ ...settings, identityTokenFile: path }, {}, problems);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });
});
