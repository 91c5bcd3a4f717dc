import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { UploadConfigurationRequestSchema } from "../../gen/windlass/v1/configuration_service_pb.ts";
import {
  CreateOrganizationRequestSchema,
  ListOrganizationsRequestSchema,
} from "../../gen/windlass/v1/organization_service_pb.ts";
import { SetVariablesRequestSchema } from "../../gen/windlass/v1/variable_service_pb.ts";
import {
  CreateWorkspaceRequestSchema,
  UpdateWorkspaceRequestSchema,
} from "../../gen/windlass/v1/workspace_service_pb.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { demandValid } from "./validation.ts";

/** What a message is refused for: each field with its description. */
function violations<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Readonly<Record<string, string>> {
  try {
    demandValid(schema, create(schema, init));
    return {};
  } catch (error) {
    if (!isWindlassError(error, "validation")) throw error;
    return Object.fromEntries(error.fields.map(({ field, description }) => [field, description]));
  }
}

const nameRule = "expected 1 to 63 letters, digits, hyphens and underscores, with no hyphen in front";

const workspaceRule = "expected 1 to 90 letters, digits, hyphens and underscores, with no hyphen in front";

describe("requests that break a rule", () => {
  test("a name says what it should look like and what it was", () => {
    expect(violations(CreateOrganizationRequestSchema, { name: "Acme Inc" })).toEqual({
      name: `${nameRule}, got "Acme Inc"`,
    });
    expect(violations(CreateOrganizationRequestSchema, {})).toEqual({ name: `${nameRule}, got nothing` });
  });

  test("every broken rule is named at once", () => {
    expect(
      Object.keys(violations(CreateOrganizationRequestSchema, { maxAgents: 2_000_000, requestId: "x".repeat(65) })),
    ).toEqual(["name", "max_agents", "request_id"]);
  });

  test("a page size out of range, a missing message, an item of a list, a part of a stream", () => {
    expect(violations(ListOrganizationsRequestSchema, { pageSize: 1001 })).toEqual({
      page_size: expect.stringContaining("got 1001"),
    });
    expect(violations(CreateWorkspaceRequestSchema, {})).toEqual({ workspace: expect.stringContaining("required") });
    expect(
      violations(SetVariablesRequestSchema, { workspace: "network", variables: [{ key: "ok" }, { key: "" }] }),
    ).toEqual({
      "variables[1].key": expect.stringContaining("got nothing"),
    });
    expect(Object.keys(violations(UploadConfigurationRequestSchema, {}))).toEqual(["part"]);
    const chunk = { case: "chunk", value: new Uint8Array(1024 * 1024 + 1) } as const;
    expect(Object.keys(violations(UploadConfigurationRequestSchema, { part: chunk }))).toEqual(["chunk"]);
  });

  test("a long value is not repeated: it may be a secret", () => {
    const value = "s3cret".repeat(50_000);
    const shown = violations(SetVariablesRequestSchema, { workspace: "network", variables: [{ key: "k", value }] });
    expect(JSON.stringify(shown)).not.toContain("s3cret");
    expect(Object.keys(shown)).toEqual(["variables[0].value"]);
  });
});

describe("an update", () => {
  const update = (paths: string[], name: string) =>
    violations(UpdateWorkspaceRequestSchema, { workspace: "network", changes: { name }, updateMask: { paths } });

  test("is checked in the fields that it names, and in no others", () => {
    expect(update(["description"], "")).toEqual({});
    expect(update(["name"], "")).toEqual({ "changes.name": `${workspaceRule}, got nothing` });
    expect(update(["name"], "fine")).toEqual({});
  });

  test("needs the changes and the mask", () => {
    expect(Object.keys(violations(UpdateWorkspaceRequestSchema, { workspace: "network" }))).toEqual([
      "changes",
      "update_mask",
    ]);
  });
});
