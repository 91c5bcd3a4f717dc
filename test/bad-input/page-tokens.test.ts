import { expect, test } from "vitest";
import { AgentPoolService } from "../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { WorkspaceService } from "../../src/gen/windlass/v1/workspace_service_pb.ts";
import { callOnce } from "../authorization/call.ts";
import type { Row } from "../authorization/row.ts";
import { ours, useBench } from "./bench.ts";

const bench = useBench();

const rowOf = (method: Row["method"]): Row => {
  const row = ours.find((one) => one.method === method);
  if (row === undefined) throw new Error(`${method.name} has a row`);
  return row;
};

/** The token after the first workspace of an organization that has several. */
async function firstToken(): Promise<{ readonly name: string; readonly token: string }> {
  const { transport, credentials } = bench.world;
  const method = WorkspaceService.method.listWorkspaces;
  const request = { organization: bench.world.places.own.organization, pageSize: 1 };
  const answer = await callOnce(transport, { method, credential: credentials.owner, request });
  const { workspaces, nextPageToken } = answer as unknown as {
    readonly workspaces: readonly { readonly name: string }[];
    readonly nextPageToken: string;
  };
  return { name: workspaces[0]?.name ?? "", token: nextPageToken };
}

test("a page token tells nobody what it stands for, and is good for its own list only", async () => {
  const { name, token } = await firstToken();
  const decoded = Buffer.from(token, "base64url");
  expect([name === "", token === "", decoded.includes(name), decoded.includes("key")]).toEqual([
    false,
    false,
    false,
    false,
  ]);
  const organization = bench.world.places.own.organization;
  const asked = (method: Row["method"], pageToken: string) =>
    bench.refusalOf(rowOf(method), { organization, pageSize: 1, pageToken }, "owner");
  const { listWorkspaces } = WorkspaceService.method;
  expect(await asked(listWorkspaces, token)).toBe("OK");
  const spoiled = Buffer.from(decoded);
  spoiled[spoiled.length - 1] = (spoiled.at(-1) ?? 0) ^ 1;
  expect(await asked(listWorkspaces, spoiled.toString("base64url"))).toBe("VALIDATION of page_token");
  expect(await asked(AgentPoolService.method.listAgentPools, token)).toBe("VALIDATION of page_token");
});
