import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { shown, unsetFields } from "../../../test/support/mapping.ts";
import { at, token } from "../../../test/support/store/rows.ts";
import type { TokenView } from "../../control/agents/tokens.ts";
import { AgentTokenSchema, IdentityTrustSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import { fromIdentityTrust, toAgentToken } from "./agent-token.ts";

const trust = {
  ...{ issuer: "https://oidc.example.com", audience: "windlass", subjects: ["a:b", "c:*"], claims: { "/d/e": "f" } },
  ...{ caCertificates: "-----BEGIN CERTIFICATE-----", jwks: '{"keys":[]}' },
};
const full: TokenView = {
  token: token({
    ...{ description: "for the plant", expiresAt: at(90), lastUsedAt: at(5), lastUsedAddress: "10.0.0.1" },
    ...{ revokedAt: at(6), replacedBy: "atok_2" },
    trust,
  }),
  ...{ poolName: "prod", agents: ["vm-2", "vm-1"], isActive: true },
};

test("a token is told with its whole life, its agents in their order", () => {
  expect(shown(AgentTokenSchema, toAgentToken(full))).toEqual({
    ...{ id: "atok_1", agentPool: "prod", description: "for the plant", prefix: "wla_abc", createdBy: "ci" },
    ...{ createTime: "2026-01-02T03:04:05.678Z", expireTime: "2026-01-02T03:05:35.678Z" },
    ...{ lastUseTime: "2026-01-02T03:04:10.678Z", lastUseAddress: "10.0.0.1" },
    ...{ revokeTime: "2026-01-02T03:04:11.678Z", replacedBy: "atok_2", agents: ["vm-2", "vm-1"], active: true },
    trust,
  });
  expect(unsetFields(AgentTokenSchema, toAgentToken(full))).toEqual([]);
});

test("a token that nobody used, revoked or replaced, and that never ends, says none of it", () => {
  expect(
    shown(AgentTokenSchema, toAgentToken({ token: token(), poolName: "prod", agents: [], isActive: false })),
  ).toEqual({
    id: "atok_1",
    agentPool: "prod",
    prefix: "wla_abc",
    createdBy: "ci",
    createTime: "2026-01-02T03:04:05.678Z",
  });
});

test("a trust is taken as it is told", () => {
  expect(fromIdentityTrust(create(IdentityTrustSchema, trust))).toEqual(trust);
});

test("the hash of the secret is never told", () => {
  expect(JSON.stringify(shown(AgentTokenSchema, toAgentToken(full)))).not.toContain("hash-of-atok_1");
});
