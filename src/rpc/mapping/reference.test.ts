import { expect, test } from "vitest";
import { fromReference } from "./reference.ts";

test("a request's workspace is looked for in the request's organization, which may be empty", () => {
  const request = { organization: "acme", workspace: "network", pageSize: 10 };
  expect(fromReference(request)).toEqual({ organization: "acme", name: "network" });
  expect(fromReference({ organization: "", workspace: "ws_1" })).toEqual({ organization: "", name: "ws_1" });
});
