import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { AgentJobSchema, AgentSchema, AgentStatus } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentPoolSchema, QueuedJobSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import { ApiKeySchema } from "../../gen/windlass/v1/api_key_pb.ts";
import { AuditEventSchema } from "../../gen/windlass/v1/audit_service_pb.ts";
import { ConfigurationVersionSchema } from "../../gen/windlass/v1/configuration_pb.ts";
import { OrganizationSchema } from "../../gen/windlass/v1/organization_pb.ts";
import { KeptDirectorySchema, RunPhase, RunSchema, RunState, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { StateResourceSchema, StateStatus, StateVersionSchema } from "../../gen/windlass/v1/state_pb.ts";
import { Role } from "../../gen/windlass/v1/system_service_pb.ts";
import {
  EffectiveVariableSchema,
  VariableCategory,
  VariableSchema,
  VariableSetSchema,
} from "../../gen/windlass/v1/variable_pb.ts";
import { WorkspaceSchema } from "../../gen/windlass/v1/workspace_pb.ts";
import { textWidth } from "../../lib/text/wrap-text.ts";
import { apiKeyColumns } from "../admin/apikey.ts";
import { auditColumns } from "../admin/audit.ts";
import { organizationColumns } from "../admin/org.ts";
import { tokenColumns } from "../admin/token.ts";
import { agentColumns, agentJobColumns, keptColumns } from "../agent/view.ts";
import { poolColumns, queueColumns } from "../pool/view.ts";
import { runColumns } from "../run/view.ts";
import { resourceColumns } from "../state/contents.ts";
import { stateColumns } from "../state/state.ts";
import { configurationColumns } from "../workspace/cv.ts";
import { effectiveColumns, variableColumns } from "../workspace/variable-view.ts";
import { variableSetColumns } from "../workspace/varset.ts";
import { workspaceColumns } from "../workspace/view.ts";
import { type Column, chooseColumns, tableLines } from "./table.ts";

const now = new Date("2026-11-29T12:00:00Z");
const ago = (hours: number) => ({ seconds: BigInt(now.getTime() / 1000 - hours * 3600), nanos: 0 });
const id = (kind: string, at: number): string => `${kind}_${at}1h455vb4pex5vsknk084sn0${at}q`;
const email = "ana.maria.de-la-cruz@platform.example.com";

interface Declared {
  readonly columns: readonly Column<never>[];
  readonly rows: readonly unknown[];
  /** What a list is looked at for: there at every width. */
  readonly always: readonly string[];
}

const declared = <Row>(columns: readonly Column<Row>[], rows: readonly Row[], always: readonly string[]): Declared => ({
  columns: columns as unknown as readonly Column<never>[],
  rows,
  always,
});

const variable = create(VariableSchema, {
  ...{ key: "subnet_cidr_blocks", value: "x".repeat(200_000), category: VariableCategory.TERRAFORM, hcl: true },
  ...{ description: "the networks of every region, one for each availability zone" },
});

/** Every table, with rows as they come in an organization that is in use. */
const tables: Readonly<Record<string, Declared>> = {
  run: declared(
    runColumns,
    [
      create(RunSchema, {
        ...{ id: id("run", 0), workspace: "production-network", state: RunState.PLAN_QUEUED, createTime: ago(2) },
        waiting: {
          reason: WaitingReason.EARLIER_RUN,
          detail: `waits for run ${id("run", 1)} to end`,
          queuePosition: 3,
        },
      }),
      create(RunSchema, {
        ...{ id: id("run", 1), workspace: "production-network", state: RunState.PLANNED_AND_FINISHED },
        ...{ createTime: ago(700), plannedChanges: { add: 120, change: 3, destroy: 14 } },
        ...{ plan: { agentName: "vm-7-in-the-private-network" }, message: "resize the database", createdBy: email },
      }),
    ],
    ["ID", "WORKSPACE", "STATE"],
  ),
  audit: declared(
    auditColumns,
    [
      create(AuditEventSchema, {
        ...{ time: ago(1), actor: email, action: "variable_set.detach", resource: id("vset", 2), organization: "acme" },
        detail: { workspaces: "network,dns,apps", name: "common" },
      }),
      create(AuditEventSchema, { time: ago(2), actor: "ci", action: "run.confirm", resource: id("run", 1) }),
    ],
    ["ACTOR", "ACTION", "RESOURCE"],
  ),
  token: declared(
    tokenColumns,
    [
      create(AgentTokenSchema, {
        ...{ id: id("atok", 0), agentPool: "production", description: "vm-7 in the private network", active: true },
        ...{ lastUseTime: ago(1), expireTime: ago(-700), agents: ["vm-7", "vm-8", "vm-9"], createTime: ago(900) },
      }),
    ],
    ["ID", "NAME", "STATE", "EXPIRES"],
  ),
  apikey: declared(
    apiKeyColumns,
    [
      create(ApiKeySchema, {
        ...{ id: id("key", 0), name: email, role: Role.OPERATOR, lastUseTime: ago(1), createTime: ago(900) },
        ...{ expireTime: ago(-700) },
      }),
    ],
    ["ID", "NAME", "STATUS", "EXPIRES"],
  ),
  state: declared(
    stateColumns,
    [
      create(StateVersionSchema, {
        ...{ id: id("sv", 0), serial: 41n, status: StateStatus.CURRENT, resourceCount: 200, sizeBytes: 1_300_000n },
        ...{ runId: id("run", 1), createTime: ago(3) },
      }),
    ],
    ["ID", "SERIAL", "STATUS", "AGE"],
  ),
  agent: declared(
    agentColumns,
    [
      create(AgentSchema, {
        ...{ name: "vm-7-in-the-private-network", agentPool: "production", status: AgentStatus.BUSY, concurrency: 2 },
        ...{
          version: "0.1.0",
          lastSeenTime: ago(0),
          warning: "the disk is full: 30 MiB are free, and a state needs more",
        },
        id: id("agent", 0),
      }),
      create(AgentSchema, { name: "vm-8", status: AgentStatus.IDLE, id: id("agent", 1) }),
    ],
    ["NAME", "STATUS", "WARNING"],
  ),
  agentJob: declared(
    agentJobColumns,
    [
      create(AgentJobSchema, {
        ...{
          runId: id("run", 0),
          workspace: "production-network",
          phase: RunPhase.APPLY,
          startTime: ago(3),
          endTime: ago(2),
        },
        errorMessage: "terraform apply failed with exit code 1: see the log",
      }),
    ],
    ["RUN", "STATUS", "ERROR"],
  ),
  kept: declared(
    keptColumns,
    [
      create(KeptDirectorySchema, {
        ...{
          agent: "vm-7",
          jobId: id("job", 0),
          runId: id("run", 0),
          workspace: "production-network",
          sizeBytes: 12_000n,
        },
        reason: "the state could not be delivered before the server gave the job up",
      }),
    ],
    ["AGENT", "JOB", "REASON"],
  ),
  pool: declared(
    poolColumns,
    [create(AgentPoolSchema, { name: "production-in-the-private-network", assignedWorkspaces: ["a", "b"] })],
    ["NAME", "AGENTS", "QUEUED"],
  ),
  queue: declared(
    queueColumns,
    [
      create(QueuedJobSchema, {
        ...{ queuePosition: 12, runId: id("run", 0), workspace: "production-network", phase: RunPhase.APPLY },
        ...{ queueTime: ago(1), reason: WaitingReason.AGENTS_BUSY, detail: "all 3 agents of pool production are busy" },
      }),
    ],
    ["#", "RUN", "WORKSPACE", "REASON"],
  ),
  workspace: declared(
    workspaceColumns,
    [
      create(WorkspaceSchema, {
        ...{ name: "production-network-of-the-west", agentPool: "production", currentRunId: id("run", 0) },
        lock: { holder: email, reason: "maintenance of the database until Friday" },
      }),
    ],
    ["NAME"],
  ),
  variable: declared(variableColumns, [variable], ["KEY", "VALUE"]),
  effective: declared(
    effectiveColumns,
    [create(EffectiveVariableSchema, { variable, variableSet: "common", overrides: ["regions", "defaults"] })],
    ["KEY", "VALUE", "FROM"],
  ),
  configuration: declared(
    configurationColumns,
    [
      create(ConfigurationVersionSchema, {
        id: id("cv", 0),
        fileCount: 12,
        sizeBytes: 9_000n,
        createdBy: email,
        createTime: ago(3),
      }),
    ],
    ["ID", "AGE"],
  ),
  organization: declared(organizationColumns, [create(OrganizationSchema, { name: "acme" })], ["NAME", "AGENTS"]),
  variableSet: declared(
    variableSetColumns,
    [
      create(VariableSetSchema, {
        name: "common",
        description: "what every workspace needs to reach the cloud",
        variableCount: 7,
      }),
    ],
    ["NAME", "WORKSPACES"],
  ),
  resource: declared(
    resourceColumns,
    [
      create(StateResourceSchema, {
        ...{ address: 'module.network["eu-west-1"].aws_subnet.private[100]', resourceId: "subnet-0a1b2c3d4e5f60718" },
        provider: "registry.terraform.io/hashicorp/aws",
      }),
    ],
    ["ADDRESS"],
  ),
};

const linesOf = ({ columns, rows }: Declared, layout: { width?: number; isWhole?: boolean; isWide?: boolean }) =>
  tableLines(rows as readonly never[], chooseColumns(columns, [], layout.isWide === true), {
    ...{ isHeaderShown: true, width: layout.width, now, isWhole: layout.isWhole === true },
  }).map(String);

const cases = Object.entries(tables).flatMap(([name, table]) =>
  [60, 80, 200].map((width) => [name, width, table] as const),
);

describe("on a terminal", () => {
  test.each(cases)("the table of %s fits into %i columns", (_name, width, table) => {
    for (const line of linesOf(table, { width })) expect(textWidth(line)).toBeLessThanOrEqual(width);
  });

  test.each(cases)("the table of %s keeps at %i columns what it is looked at for", (_name, width, table) => {
    const [header = ""] = linesOf(table, { width });
    const shown = header.split(/ {2,}/);
    for (const name of table.always) expect(shown).toContain(name);
  });

  test.each(cases)(
    "no cell of %s is nothing but dots at %i columns, and an id is whole or one that is taken back",
    (_name, width, table) => {
      const lines = linesOf(table, { width });
      for (const line of lines) expect(line).not.toMatch(/(^| )…( |$)/);
      const ids = lines.join("\n").match(/(?<=^| {2})(?:run|atok|key|sv|cv|job|vset|agent)_[0-7][0-9a-z]*…?/gm) ?? [];
      for (const one of ids) expect(one).toMatch(/_[0-9a-z]{8,}$/);
    },
  );
});

test("the runs at 80 columns", () => {
  expect(linesOf(tables.run as Declared, { width: 80 }).join("\n")).toMatchInlineSnapshot(`
    "ID            WORKSPACE           STATE                 WAITS FOR
    run_01h455vb  production-network  plan queued           waits for run run_11h45…
    run_11h455vb  production-network  planned and finished  -"
  `);
});

test("the audit log at 80 columns and at 60", () => {
  expect(linesOf(tables.audit as Declared, { width: 80 }).join("\n")).toMatchInlineSnapshot(`
    "TIME                  ACTOR                   ACTION               RESOURCE
    2026-11-29T11:00:00Z  ana.maria.de-la-cruz@…  variable_set.detach  vset_21h455vb
    2026-11-29T10:00:00Z  ci                      run.confirm          run_11h455vb"
  `);
  expect(linesOf(tables.audit as Declared, { width: 60 }).join("\n")).toMatchInlineSnapshot(`
    "ACTOR                     ACTION               RESOURCE
    ana.maria.de-la-cruz@pl…  variable_set.detach  vset_21h455vb
    ci                        run.confirm          run_11h455vb"
  `);
});

describe("elsewhere", () => {
  test.each(Object.entries(tables))(
    "a pipe gets all of %s, and no line is filled up for one wide cell",
    (_name, table) => {
      const lines = linesOf(table, {});
      const [header = ""] = lines;
      expect(header.split(/ {2,}/)).toEqual(
        table.columns.filter(({ isWide }) => isWide !== true).map(({ name }) => name),
      );
      for (const line of lines) expect(line).not.toMatch(/ {63}/);
      expect(lines.join("\n")).not.toContain("…");
    },
  );

  test.each(Object.entries(tables))("-o wide leaves nothing of %s out at 80 columns", (_name, table) => {
    const [header = ""] = linesOf(table, { width: 80, isWhole: true, isWide: true });
    expect(header.split(/ {2,}/)).toEqual(table.columns.map(({ name }) => name));
  });
});

test("ids are shortened as far as they stay apart", () => {
  const alike = ["run_01h455vb4pex5vsknk084sn02q", "run_01h455vb4pexzzzzzzzzzzzzzz"].map((one) =>
    create(RunSchema, { id: one }),
  );
  const lines = linesOf(declared(runColumns, alike, []), { width: 50 });
  expect(lines.slice(1).map((line) => line.split(" ")[0])).toEqual(["run_01h455vb4pex5", "run_01h455vb4pexz"]);
});
