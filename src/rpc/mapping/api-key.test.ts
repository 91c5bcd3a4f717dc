import { fromJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { shown, unknownValue, unsetFields } from "../../../test/support/mapping.ts";
import { apiKey, at } from "../../../test/support/store/rows.ts";
import type { KeyView } from "../../control/people/api-keys.ts";
import { ApiKeySchema } from "../../gen/windlass/v1/api_key_pb.ts";
import { Role } from "../../gen/windlass/v1/system_service_pb.ts";
import { fromRole, toApiKey } from "./api-key.ts";
import { roleValues } from "./system.ts";

const full: KeyView = {
  key: apiKey({
    ...{ createdBy: "ann", expiresAt: at(90), lastUsedAt: at(5), lastUsedAddress: "10.0.0.1" },
    ...{ revokedAt: at(6), replacedBy: "key_2" },
  }),
  ...{ organizationName: "acme", isActive: true },
};

test("a key is told with its whole life", () => {
  expect(shown(ApiKeySchema, toApiKey(full))).toEqual({
    ...{ id: "key_1", name: "ci", organization: "acme", role: "ROLE_OWNER", prefix: "wlk_abc", createdBy: "ann" },
    ...{ createTime: "2026-01-02T03:04:05.678Z", expireTime: "2026-01-02T03:05:35.678Z" },
    ...{ lastUseTime: "2026-01-02T03:04:10.678Z", lastUseAddress: "10.0.0.1" },
    ...{ revokeTime: "2026-01-02T03:04:11.678Z", replacedBy: "key_2", active: true },
  });
  expect(unsetFields(ApiKeySchema, toApiKey(full))).toEqual([]);
});

test("the site admin's first key, unused, belongs to no organization and to nobody", () => {
  const key = apiKey({ organizationId: null, role: "site_admin" });
  expect(shown(ApiKeySchema, toApiKey({ key, organizationName: "", isActive: false }))).toEqual({
    ...{ id: "key_1", name: "ci", role: "ROLE_SITE_ADMIN", prefix: "wlk_abc" },
    createTime: "2026-01-02T03:04:05.678Z",
  });
});

test("the hash of the secret is never told", () => {
  expect(JSON.stringify(shown(ApiKeySchema, toApiKey(full)))).not.toContain("hash-of-key-1");
});

test("a request's role is the one whose value it has; no role comes of a value that has none", () => {
  for (const [role, value] of Object.entries(roleValues)) expect(fromRole(value)).toBe(role);
  expect(() => fromRole(Role.UNSPECIFIED)).toThrow("the validated request names the role 0, which is none");
  expect(() => fromRole(fromJson(ApiKeySchema, { role: unknownValue }).role)).toThrow(
    expect.objectContaining({ code: "internal" }),
  );
});
