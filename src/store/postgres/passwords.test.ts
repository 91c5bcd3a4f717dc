import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lineFor, passwordOf } from "./passwords.ts";

const question = { host: "db", port: 5432, database: "net", user: "me" };

describe("a line of a file of passwords", () => {
  test.each([
    ["db:5432:net:me:secret", "secret"],
    ["*:*:*:*:secret", "secret"],
    ["db:5433:net:me:secret", undefined],
    ["other:*:*:*:no\ndb:*:*:*:first\ndb:5432:net:me:second", "first"],
    ["#db:*:*:*:no\r\ndb:*:*:me:yes\r\n", "yes"],
    ["db:*:*:me:with:colons", "with:colons"],
    [String.raw`db:*:*:me:back\\slash\:colon`, String.raw`back\slash:colon`],
    ["db:*:*:me:", undefined],
    ["db:*:*", undefined],
    ["", undefined],
  ])("%j answers %j", (text, password) => expect(lineFor(text, question)).toBe(password));

  test("a socket is localhost, or its directory", () => {
    const asked = { ...question, host: "/run/pg" };
    expect(lineFor("localhost:5432:net:me:one", asked)).toBe("one");
    expect(lineFor("/run/pg:5432:net:me:two", asked)).toBe("two");
    expect(lineFor("db:5432:net:me:three", asked)).toBeUndefined();
  });

  test("names with colons are escaped", () => {
    expect(lineFor(String.raw`\:\:1:5432:net:me:six`, { ...question, host: "::1" })).toBe("six");
  });
});

describe("a connection that is asked for a password", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "windlass-passwords-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function file(name: string, text: string, mode = 0o600): Promise<string> {
    const path = join(dir, name);
    await writeFile(path, text);
    await chmod(path, mode);
    return path;
  }
  const unavailable = (message: string) =>
    expect.objectContaining({ code: "storage_unavailable", message: expect.stringContaining(message) });
  const none = { password: undefined, passFile: undefined };

  test("takes that of its own file first, as it is at that moment", async () => {
    const path = await file("password", "one\n");
    const ask = passwordOf({ ...none, password: "of the URL" }, path, {});
    expect(await ask(question)).toBe("one");
    await writeFile(path, "two");
    expect(await ask(question)).toBe("two");
    await rm(path);
    await expect(ask(question)).rejects.toEqual(unavailable("--database-password-file cannot be read: ENOENT"));
  });

  test("then that of the URL, of the environment, of a passfile", async () => {
    const passFile = await file("pgpass", "db:*:*:*:of the file");
    const environment = { PGPASSWORD: "of the environment", PGPASSFILE: passFile };
    expect(await passwordOf({ passFile, password: "of the URL" }, undefined, environment)(question)).toBe("of the URL");
    expect(await passwordOf(none, undefined, environment)(question)).toBe("of the environment");
    expect(await passwordOf(none, undefined, { PGPASSFILE: passFile })(question)).toBe("of the file");
    expect(await passwordOf({ ...none, passFile }, undefined, { PGPASSFILE: "/none" })(question)).toBe("of the file");
  });

  test("says what is wrong with a passfile that is named", async () => {
    const shown = await file("shown", "*:*:*:*:x", 0o644);
    const other = await file("other", "elsewhere:*:*:*:x");
    await expect(passwordOf({ ...none, passFile: shown }, undefined, {})(question)).rejects.toEqual(
      unavailable(`chmod 600 ${shown}`),
    );
    await expect(passwordOf({ ...none, passFile: other }, undefined, {})(question)).rejects.toEqual(
      unavailable(`${other} has no line for me on db`),
    );
    await expect(passwordOf({ ...none, passFile: "/none" }, undefined, {})(question)).rejects.toEqual(
      unavailable("the passfile cannot be read"),
    );
  });
});
