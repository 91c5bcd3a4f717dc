import { expect, test } from "vitest";
import { safeNext } from "./safe-next.ts";

test("after signing in somebody gets to a page of this server", () => {
  expect(safeNext("/o/acme/runs?status=planned#top")).toBe("/o/acme/runs?status=planned#top");
  expect(safeNext(null)).toBe("/");
});

test.each([
  "//evil.example",
  "/\\evil.example",
  "/\t/evil.example",
  "/\n\\evil.example",
  "https://evil.example",
  "javascript:alert(1)",
  "evil.example",
  "",
])("never to %j", (next) => {
  const page = safeNext(next);
  expect(new URL(page, "https://windlass.example").origin).toBe("https://windlass.example");
  expect(page).toBe("/");
});
