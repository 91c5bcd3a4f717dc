import { describe, expect, test } from "vitest";
import { postgresUrl } from "./postgres-url.ts";

const read = (url: string) => postgresUrl().safeParse(url);

describe("the URL of a database", () => {
  test.each([
    "postgres://windlass@db/windlass",
    "postgresql://me:a%23b%40c%2Fd%25@db.example.com:5432/windlass?sslmode=verify-full",
    "postgres:///windlass?host=/var/run/postgresql",
    "postgres://me@[::1]:5432/windlass",
  ])("%s is one", (url) => expect(read(url)).toMatchObject({ success: true, data: url }));

  test.each([
    "postgres://windlass:Gehe!m#1@db/windlass",
    "postgres://windlass:1#x@db/windlass",
    "postgres://windlass:12/ss@db/windlass",
    "postgres://windlass:12?ss@db/windlass",
    "postgres://windlass:100%@db/windlass",
    "mysql://windlass@db/windlass",
    "db.example.com",
  ])("%s is none, and the way to write it is told", (url) => {
    const { error } = read(url);
    expect(error?.issues).toEqual([
      expect.objectContaining({ message: expect.stringContaining("written as %23 for #") }),
    ]);
    expect(JSON.stringify(error?.issues)).not.toContain(url);
  });
});
