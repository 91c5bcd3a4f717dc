import { expect, test } from "vitest";
import { workspaceReference } from "./reference.ts";

test("a request's workspace is looked for in the request's organization, which may be empty", () => {
  const request = { organization: "acme", workspace: "network", pageSize: 10 };
  expect(workspaceReference(request)).toEqual({ organization: "acme", name: "network" });
  expect(workspaceReference({ organization: "", workspace: "ws_1" })).toEqual({ organization: "", name: "ws_1" });
});
