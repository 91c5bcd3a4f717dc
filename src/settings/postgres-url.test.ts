import { describe, expect, test } from "vitest";
import { postgresUrl } from "./postgres-url.ts";

const { read, expected, why } = postgresUrl();

describe("the URL of a database", () => {
  test.each([
    "postgres://windlass@db/windlass",
    "postgresql://me:a%23b%40c%2Fd%25@db.example.com:5432/windlass?sslmode=verify-full",
    "postgres:///windlass?host=/var/run/postgresql",
    "postgres://me@[::1]:5432/windlass",
  ])("%s is one", (url) => expect(read(url)).toBe(url));

  test.each([
    "postgres://windlass:Gehe!m#1@db/windlass",
    "postgres://windlass:1#x@db/windlass",
    "postgres://windlass:12/ss@db/windlass",
    "postgres://windlass:12?ss@db/windlass",
    "postgres://windlass:100%@db/windlass",
    "postgres://windlass:70000/ss@db/windlass",
    "postgres://db/windlass?password=x@y:70000",
    "windlass:hunter2@db/windlass",
    "hunter2:x",
    "HUNTER2://db",
    "abcdefghijklmnopqrstu://db",
    "db.example.com",
  ])("%s is none, and the way to write it is told", (url) => {
    expect(read(url)).toBeUndefined();
    expect(why?.(url)).toBeUndefined();
    expect(expected).toContain("written as %23 for #");
  });

  const example = "as in postgres://user@host:5432/name";
  test.each([
    ["postgers://windlass:hunter2@db/windlass", "the scheme is postgers: did you mean postgres?"],
    ["postgrsql://db/windlass", "the scheme is postgrsql: did you mean postgresql?"],
    ["mysql://x:hunter2@y/z", `the scheme is mysql: expected postgres, ${example}`],
    ["postgresql+asyncpg://x@y/z", `the scheme is postgresql+asyncpg: expected postgres, ${example}`],
    ["jdbc:postgresql://y/z", "jdbc: is of Java: leave it out, the URL begins with postgresql://"],
    ["Postgres://me:hunter2@db/z", "the scheme is written in small letters: postgres://"],
    ["postgres:/windlass:hunter2@db/z", `expected two slashes after postgres:, ${example}`],
    ["postgresql:windlass:hunter2@db/z", `expected two slashes after postgresql:, ${example}`],
    ["postgres://me:hunter2@db:554320/windlass", "port 554320 is above 65535"],
    ["postgres://me:p@hunter2@a,db:70000", "port 70000 is above 65535"],
    ["postgres://me@[::1]:70000/windlass", "port 70000 is above 65535"],
    ["postgres://me@db:0/windlass", "port 0 is none: expected 1 to 65535"],
    ["postgres://me:hunter2@db:pg/windlass", "the port is no number from 1 to 65535"],
    ["postgres://me:hunter2", "the port is no number from 1 to 65535"],
    ["postgres://me:123456", "the port is no number from 1 to 65535"],
    [
      "postgres://me:hunter2@::1/windlass",
      "an address with colons stands in brackets, such as postgres://user@[::1]:5432/name",
    ],
  ])("of %s it is told which part is wrong, and nothing that may be secret", (url, problem) => {
    expect(read(url)).toBeUndefined();
    expect(why?.(url)).toBe(problem);
  });
});
