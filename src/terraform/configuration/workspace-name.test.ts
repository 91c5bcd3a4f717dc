import { expect, test } from "vitest";
import { asWorkspaceName } from "./workspace-name.ts";

test.each(["a", "net", "Prod_net", "_x", "9", "a".repeat(90)])(
  "%s can be the name of a workspace of terraform",
  (name) => expect(asWorkspaceName(name)).toBe(name),
);

test.each(["", "-a", "a/b", "..", "a.b", "a b", "a".repeat(91)])("%j cannot: it becomes a part of a path", (name) =>
  expect(asWorkspaceName(name)).toBeUndefined(),
);
