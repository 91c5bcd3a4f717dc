import { expect, test } from "vitest";
import { namedValues, shown, unnamedValues, unsetFields } from "../../../test/support/mapping.ts";
import { at } from "../../../test/support/store/rows.ts";
import { attentionKinds } from "../../control/people/attention.ts";
import type { ServerFacts, Subject } from "../../control/people/system.ts";
import {
  AttentionKindSchema,
  GetAttentionResponseSchema,
  GetServerInfoResponseSchema,
  GetStatsResponseSchema,
  PermissionSchema,
  RoleSchema,
  SubjectKindSchema,
  WhoAmIResponseSchema,
} from "../../gen/windlass/v1/system_service_pb.ts";
import { permissionValues, roleValues, toAttention, toServerInfo, toStats, toWhoAmI } from "./system.ts";

const facts: ServerFacts = {
  ...{ version: "0.1.0", database: "postgres", protocol: { minimum: 1, maximum: 2 }, hasServerAgent: true },
  ...{ maxConfigurationBytes: 2 ** 53 - 1, maxStateBytes: 2 ** 32, generation: "g-1", now: at(0) },
  ...{ limits: { "max-state-size": 2 ** 32, "rate-limit": 0 }, retention: { "keep-runs": "90d" } },
  web: { publicUrl: "https://windlass.example.com" },
};

test("what the server says of itself, limits of any size among it", () => {
  expect(shown(GetServerInfoResponseSchema, toServerInfo(facts))).toEqual({
    ...{ version: "0.1.0", database: "postgres", minimumProtocol: 1, maximumProtocol: 2, hasServerAgent: true },
    ...{ maxConfigurationBytes: "9007199254740991", maxStateBytes: "4294967296", clusterGeneration: "g-1" },
    ...{ limits: { "max-state-size": "4294967296", "rate-limit": "0" }, retention: { "keep-runs": "90d" } },
    ...{ serverTime: "2026-01-02T03:04:05.678Z", publicUrl: "https://windlass.example.com", hasWeb: true },
  });
  const without = toServerInfo({ ...facts, web: undefined });
  expect([without.publicUrl, without.hasWeb]).toEqual(["", false]);
  expect(unsetFields(GetServerInfoResponseSchema, toServerInfo(facts))).toEqual([]);
});

test("each number of an organization has its place", () => {
  const message = toStats({
    ...{ workspaces: 1, pools: 2, connectedAgents: 3, busyAgents: 4, activeRuns: 5, runsToConfirm: 6, queuedJobs: 7 },
    ...{ runningJobs: 8, interruptedWorkspaces: 9, quarantinedStates: 10 },
  });
  expect(shown(GetStatsResponseSchema, message)).toEqual({
    ...{ workspaces: 1, agentPools: 2, connectedAgents: 3, busyAgents: 4, activeRuns: 5, runsToConfirm: 6 },
    ...{ queuedJobs: 7, runningJobs: 8, interruptedWorkspaces: 9, quarantinedStates: 10 },
  });
  expect(unsetFields(GetStatsResponseSchema, message)).toEqual([]);
});

test("each kind of what needs somebody has a value, and each value a kind; their order stays", () => {
  const told = toAttention(attentionKinds.map((kind) => ({ kind, count: 1, items: [] })));
  expect(shown(GetAttentionResponseSchema, told)).toEqual({
    attention: attentionKinds.map((kind) => ({ kind: `ATTENTION_KIND_${kind.toUpperCase()}`, count: 1 })),
  });
  const used = Object.fromEntries((told.attention ?? []).map(({ kind }, index) => [index, kind ?? 0]));
  expect(unnamedValues(AttentionKindSchema, used)).toEqual([]);
});

test("an item tells where it is and since when, or until when, or no time at all", () => {
  const item = { id: "run_1", name: "", organization: "acme", workspace: "network", detail: "1 to add", at: at(1) };
  const found = [{ kind: "plan_to_confirm", count: 1_000, items: [item, { ...item, name: "x", at: null }] } as const];
  expect(shown(GetAttentionResponseSchema, toAttention(found))).toEqual({
    attention: [
      {
        ...{ kind: "ATTENTION_KIND_PLAN_TO_CONFIRM", count: 1_000 },
        items: [
          {
            ...{ id: "run_1", organization: "acme", workspace: "network", detail: "1 to add" },
            time: "2026-01-02T03:04:06.678Z",
          },
          { id: "run_1", name: "x", organization: "acme", workspace: "network", detail: "1 to add" },
        ],
      },
    ],
  });
  expect(unsetFields(GetAttentionResponseSchema, toAttention(found))).toEqual([]);
});

test("each role has its value", () => {
  expect(namedValues(RoleSchema, roleValues)).toEqual({
    site_admin: "ROLE_SITE_ADMIN",
    owner: "ROLE_OWNER",
    operator: "ROLE_OPERATOR",
    planner: "ROLE_PLANNER",
    reader: "ROLE_READER",
  });
  expect(unnamedValues(RoleSchema, roleValues)).toEqual([]);
});

const subject: Subject = {
  ...{ kind: "api_key", id: "key_1", name: "ci", role: "planner", organizations: ["acme"], expiresAt: at(90) },
};
/** The server's own agent shows the token that it was started with. */
const subjects: Readonly<Record<Subject["kind"], string>> = {
  api_key: "SUBJECT_KIND_API_KEY",
  agent_token: "SUBJECT_KIND_AGENT_TOKEN",
  server_agent: "SUBJECT_KIND_AGENT_TOKEN",
  agent_session: "SUBJECT_KIND_AGENT_SESSION",
  job: "SUBJECT_KIND_JOB",
};

test.each(Object.entries(subjects))("a caller of kind %s is a %s", (kind, value) => {
  const isKind = (one: string): one is Subject["kind"] => one in subjects;
  const told = isKind(kind) ? toWhoAmI({ ...subject, kind }) : {};
  expect(namedValues(SubjectKindSchema, { kind: told.kind ?? 0 })).toEqual({ kind: value });
});

test("every kind of subject is somebody's", () => {
  const values = SubjectKindSchema.values.map(({ name }) => name).filter((name) => !name.endsWith("_UNSPECIFIED"));
  expect(values.filter((name) => !Object.values(subjects).includes(name))).toEqual([]);
});

test("a caller is told its role and the end of its key, if it has them", () => {
  expect(shown(WhoAmIResponseSchema, toWhoAmI(subject))).toEqual({
    ...{ kind: "SUBJECT_KIND_API_KEY", id: "key_1", name: "ci", role: "ROLE_PLANNER", organizations: ["acme"] },
    permissions: ["PERMISSION_READ", "PERMISSION_PLAN"],
    expireTime: "2026-01-02T03:05:35.678Z",
  });
  expect(unsetFields(WhoAmIResponseSchema, toWhoAmI(subject))).toEqual([]);
  const job: Subject = { ...subject, kind: "job", role: null, organizations: [], expiresAt: null };
  expect(unsetFields(WhoAmIResponseSchema, toWhoAmI(job))).toEqual([
    "role",
    "organizations",
    "expire_time",
    "permissions",
  ]);
});

test("each permission has the value of its own name, and a role's are told, the least first", () => {
  const own = Object.keys(permissionValues).map((word) => [word, `PERMISSION_${word.toUpperCase()}`]);
  expect(namedValues(PermissionSchema, permissionValues)).toEqual(Object.fromEntries(own));
  expect(unnamedValues(PermissionSchema, permissionValues)).toEqual([]);
  const subject: Subject = {
    kind: "api_key",
    id: "key_1",
    name: "ci",
    role: "operator",
    organizations: [],
    expiresAt: null,
  };
  expect(toWhoAmI(subject).permissions).toEqual([
    permissionValues.read,
    permissionValues.plan,
    permissionValues.operate,
  ]);
  expect(toWhoAmI({ ...subject, kind: "job", role: null }).permissions).toEqual([]);
});
