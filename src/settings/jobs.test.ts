import { expect, test } from "vitest";
import { mirrorAddress } from "./jobs.ts";

test("a mirror is the root of an http(s) place", () => {
  const { read } = mirrorAddress();
  for (const address of ["https://m/engines", "http://127.0.0.1:80"]) expect(read(address)).toBe(address);
  const others = ["m.example.com", "ftp://m/", "file:///srv", "https://m/?a=b", "https://m/#a", ""];
  expect(others.filter((text) => read(text) !== undefined)).toEqual([]);
});
