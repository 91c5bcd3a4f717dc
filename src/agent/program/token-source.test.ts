import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
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
