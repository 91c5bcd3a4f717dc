import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene } from "./support/scene.ts";
import { windlassd } from "./support/windlassd.ts";

let scene: Scene;
let dataDir: string;
let address: string;
let answer: { readonly code: string; readonly message: string };

/** Something that speaks as much of PostgreSQL's protocol as a refusal needs. */
const postgres = createServer((socket: Socket) => {
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    const isTlsRequest = bytes.length === 8 && bytes.readUInt32BE(4) === 80_877_103;
    if (isTlsRequest) return void socket.write("N");
    const fields = Buffer.from(`SFATAL\0VFATAL\0C${answer.code}\0M${answer.message}\0\0`);
    const head = Buffer.from([0x45, 0, 0, 0, 0]);
    head.writeUInt32BE(fields.length + 4, 1);
    socket.end(Buffer.concat([head, fields]));
  });
});

beforeAll(async () => {
  scene = await openScene();
  dataDir = join(scene.directory, "data");
  await mkdir(dataDir, { mode: 0o700 });
  await writeFile(join(dataDir, "master.key"), "ab".repeat(32), { mode: 0o600 });
  postgres.listen(0, "127.0.0.1");
  await once(postgres, "listening");
  const bound = postgres.address();
  address = `127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
});
afterAll(async () => {
  postgres.close();
  await scene[Symbol.asyncDispose]();
});

const commands: readonly (readonly string[])[] = [
  ["serve", "--listen", "127.0.0.1:0"],
  ["migrate"],
  ["migrate", "--check"],
  ["gc"],
  ["rotate-key"],
  ["admin-token", "--rotate"],
  ["backup", "-"],
];

const call = (url: string, ...[name = "", ...flags]: readonly string[]) =>
  windlassd(scene, [name, "--data-dir", dataDir, ...flags], { WINDLASS_DATABASE_URL: url });

const secret = "hunter2-hunter2";

describe.each(commands)("windlassd %s %s", (...words) => {
  test.each([
    ["a wrong password", "28P01", 'password authentication failed for user "me"', "refuses the user or the password"],
    ["a database that is not there", "3D000", 'database "x" does not exist', "create it, or correct --database-url"],
    ["too many connections", "53300", "sorry, too many clients already", "cannot serve windlassd now"],
    ["a start that is under way", "57P03", "the database system is starting up", "cannot serve windlassd now"],
  ])("says %s in one line, with exit code 7", async (_name, code, message, told) => {
    answer = { code, message };
    const { stderr, code: exit } = await call(`postgres://me:${secret}@${address}/x`, ...words);
    const said = stderr
      .trimEnd()
      .split("\n")
      .filter((line) => line.startsWith("windlassd:"));
    expect(said, stderr).toEqual([expect.stringContaining(told)]);
    expect(stderr).not.toMatch(/\n\s+at |hunter2/);
    expect(exit).toBe(7);
  });

  // One command for all: they open a database the same way.
  test.skipIf(words[0] !== "serve").each([
    ["a full disk", "53100", "could not extend file: No space left on device", "its disk is full"],
    ["no memory", "53200", "out of memory", "it has not enough memory"],
    ["an administrator's stop", "57P01", "terminating connection due to administrator command", "it was stopped"],
    ["a time-out", "57014", "canceling statement due to statement timeout", "raise --database-statement-timeout"],
    ["no changes", "25006", "cannot execute INSERT in a read-only transaction", "name the primary in --database-url"],
  ])("says %s in one line, with exit code 7", async (_name, code, message, told) => {
    answer = { code, message };
    const { stderr, code: exit } = await call(`postgres://me:${secret}@${address}/x`, ...words);
    expect(stderr.match(/^windlassd: .*/gm)).toEqual([expect.stringContaining(told)]);
    expect(stderr).not.toMatch(/\n\s+at |hunter2/);
    expect(exit).toBe(7);
  });

  test("says that nothing listens there, with exit code 7", async () => {
    const { stderr, code } = await call(`postgres://me:${secret}@127.0.0.1:9/x`, ...words);
    expect(stderr).toMatch(/^windlassd: the PostgreSQL database cannot be reached \(.*ECONNREFUSED.*\)/m);
    expect(stderr).not.toMatch(/\n\s+at |hunter2/);
    expect(code).toBe(7);
  });

  test("says of a URL with a password that is not escaped how to write it, with exit code 2", async () => {
    const { stderr, code } = await call(`postgres://me:${secret}#1@127.0.0.1/x`, ...words);
    expect(stderr).toMatch(/^windlassd: WINDLASS_DATABASE_URL: expected a PostgreSQL URL .*%23 for #/);
    expect(stderr).not.toMatch(/\n\s+at |hunter2/);
    expect(code).toBe(2);
  });
});

test("windlassd doctor says the same in the lines of its checks", async () => {
  answer = { code: "28P01", message: 'password authentication failed for user "me"' };
  const { stdout, stderr } = await call(`postgres://me:${secret}@${address}/x`, "doctor");
  expect(stdout).toMatch(/^fail\s+database\s.*refuses the user or the password/m);
  expect(stdout + stderr).not.toMatch(/\n\s+at |hunter2/);
});

test("a SQLite file that is none is said in one line, with exit code 7", async () => {
  const other = join(scene.directory, "broken");
  await mkdir(other, { mode: 0o700 });
  await writeFile(join(other, "windlass.db"), "this is no database, whatever its name says".repeat(100));
  for (const command of ["serve", "migrate", "gc"]) {
    const { stderr, code } = await windlassd(scene, [command, "--data-dir", other]);
    expect(stderr).toMatch(/windlassd: the database in the data directory cannot be used: /);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(7);
  }
});

test("a data directory may be named from where the program is started, and is kept whole", async () => {
  const { stdout } = await windlassd(scene, ["config", "print", "--data-dir", "d/e", "-o", "json"]);
  expect(JSON.parse(stdout)["data-dir"]).toMatch(/^\/.*\/d\/e$/);
});
