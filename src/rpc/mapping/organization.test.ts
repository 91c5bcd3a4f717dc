import { create, fromJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { changesByField, fixedFields, shown, unknownValue, unsetFields } from "../../../test/support/mapping.ts";
import { at, organization } from "../../../test/support/store/rows.ts";
import type { OrganizationView } from "../../control/people/organizations.ts";
import { OrganizationSchema } from "../../gen/windlass/v1/organization_pb.ts";
import { CreateOrganizationRequestSchema } from "../../gen/windlass/v1/organization_service_pb.ts";
import { Engine, ExecutionMode } from "../../gen/windlass/v1/workspace_pb.ts";
import { fromNewOrganization, organizationFields, toOrganization } from "./organization.ts";

const full: OrganizationView = {
  ...organization({
    ...{ maxAgents: 1, maxWorkspaces: 2, defaultExecutionMode: "local", defaultEngine: "tofu" },
    ...{ defaultEngineVersion: "1.12.6", updatedAt: at(1), version: 4 },
    ...{ email: "ops@example.com", allowsForceDelete: false },
  }),
  connectedAgents: 3,
  defaultPoolName: "prod",
};

test("an organization is told with its bounds and its defaults", () => {
  expect(shown(OrganizationSchema, toOrganization(full))).toEqual({
    ...{ id: "org_1", name: "acme", maxAgents: 1, maxWorkspaces: 2, connectedAgents: 3, etag: "4" },
    ...{ defaultExecutionMode: "EXECUTION_MODE_LOCAL", defaultEngine: "ENGINE_TOFU", defaultEngineVersion: "1.12.6" },
    ...{ createTime: "2026-01-02T03:04:05.678Z", updateTime: "2026-01-02T03:04:06.678Z" },
    ...{ defaultAgentPool: "prod", email: "ops@example.com", protectsState: true },
  });
  expect(unsetFields(OrganizationSchema, toOrganization(full))).toEqual([]);
});

test("a new organization is read from its request", () => {
  const request = create(CreateOrganizationRequestSchema, {
    ...{ name: "acme", requestId: "r", maxAgents: 1, maxWorkspaces: 2, defaultEngineVersion: "1.12.6" },
    ...{ defaultExecutionMode: ExecutionMode.LOCAL, defaultEngine: Engine.TOFU },
    ...{ email: "ops@example.com", protectsState: true },
  });
  expect(fromNewOrganization(request)).toEqual({
    ...{ name: "acme", requestId: "r", maxAgents: 1, maxWorkspaces: 2, defaultEngineVersion: "1.12.6" },
    ...{ defaultExecutionMode: "local", defaultEngine: "tofu" },
    ...{ email: "ops@example.com", allowsForceDelete: false },
  });
  expect(unsetFields(CreateOrganizationRequestSchema, request)).toEqual([]);
});

test.each([{}, { defaultExecutionMode: unknownValue, defaultEngine: unknownValue }])(
  "defaults that it does not give, or that are not known, are remote and terraform: %j",
  (json) => {
    expect(fromNewOrganization(fromJson(CreateOrganizationRequestSchema, { name: "acme", ...json }))).toEqual({
      ...{ name: "acme", requestId: "", maxAgents: 0, maxWorkspaces: 0, defaultEngineVersion: "" },
      ...{ defaultExecutionMode: "remote", defaultEngine: "terraform", email: "", allowsForceDelete: true },
    });
  },
);

test("an update reads exactly the field that it names", () => {
  expect(changesByField(organizationFields, create(OrganizationSchema, toOrganization(full)))).toEqual({
    name: { name: "acme" },
    max_agents: { maxAgents: 1 },
    max_workspaces: { maxWorkspaces: 2 },
    default_execution_mode: { defaultExecutionMode: "local" },
    default_engine: { defaultEngine: "tofu" },
    default_engine_version: { defaultEngineVersion: "1.12.6" },
    default_agent_pool: { defaultPool: "prod" },
    email: { email: "ops@example.com" },
    protects_state: { allowsForceDelete: false },
  });
  expect(fixedFields(OrganizationSchema, organizationFields)).toEqual([
    ...["id", "create_time", "update_time", "etag", "connected_agents"],
  ]);
});
