import { expect, test } from "vitest";
import { publicUrl } from "./public-url.ts";

test.each([
  ["https://windlass.example.com", "https://windlass.example.com"],
  ["https://windlass.example.com/", "https://windlass.example.com"],
  ["https://Windlass.Example.com:443", "https://windlass.example.com"],
  ["http://localhost:7070", "http://localhost:7070"],
  ["https://[::1]:7070", "https://[::1]:7070"],
  ["windlass.example.com", undefined],
  ["https://windlass.example.com/ui", undefined],
  ["https://windlass.example.com?x", undefined],
  ["https://ana@windlass.example.com", undefined],
  ["ftp://windlass.example.com", undefined],
  ["https://", undefined],
])("%j is %j", (text, origin) => {
  expect(publicUrl().read(text)).toBe(origin);
});
