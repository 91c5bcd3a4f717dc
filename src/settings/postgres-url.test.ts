import { describe, expect, test } from "vitest";
import { postgresUrl } from "./postgres-url.ts";

const { read, expected } = postgresUrl();

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
    "mysql://windlass@db/windlass",
    "db.example.com",
  ])("%s is none, and the way to write it is told", (url) => {
    expect(read(url)).toBeUndefined();
    expect(expected).toContain("written as %23 for #");
  });
});
