import * as z from "zod";
import { namePattern, nameShape } from "../../lib/words/names.ts";
import { workspaceNamePattern, workspaceNameShape } from "../../lib/words/workspace-names.ts";
import { providersSpec } from "./provider-documents.ts";

const name = z.string().regex(new RegExp(namePattern), `expected ${nameShape}`);
const workspaceName = z.string().regex(new RegExp(workspaceNamePattern), `expected ${workspaceNameShape}`);
const duration = z.string().regex(/^(0|(\d+(ms|s|m|h|d))+)$/, "expected a duration such as 90s or 2h30m");
const mode = z.enum(["remote", "agent", "local"]);
const engine = z.strictObject({ name: z.enum(["terraform", "tofu"]), version: z.string().optional() });

const variable = z
  .strictObject({
    name: z.string().min(1).max(128),
    value: z.string().optional(),
    /** Where a secret comes from: manifests never hold one. */
    valueFrom: z
      .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })])
      .optional(),
    env: z.boolean().optional(),
    hcl: z.boolean().optional(),
    sensitive: z.boolean().optional(),
    description: z.string().max(512).optional(),
  })
  .refine(({ value, valueFrom }) => (value === undefined) !== (valueFrom === undefined), {
    error: "expected exactly one of value and valueFrom",
  })
  .refine(({ sensitive, value }) => sensitive !== true || value === undefined, {
    error: "a sensitive value belongs into valueFrom: {env: NAME} or {file: PATH}, not into the manifest",
  });

const document = <Kind extends string, Spec extends z.ZodType>(kind: Kind, spec: Spec, own = name) => {
  const metadata = z.strictObject({ name: own, organization: z.string().optional() });
  return z.strictObject({ apiVersion: z.literal("windlass/v1"), kind: z.literal(kind), metadata, spec });
};

const organizationDocument = document(
  "Organization",
  z.strictObject({
    maxAgents: z.number().int().min(0).optional(),
    maxWorkspaces: z.number().int().min(0).optional(),
    defaultExecutionMode: z.enum(["remote", "local", "agent"]).optional(),
    defaultEngine: engine.optional(),
  }),
);

const poolDocument = document(
  "AgentPool",
  z.strictObject({
    description: z.string().max(1024).optional(),
    organizationScoped: z.boolean().optional(),
    grantedWorkspaces: z.array(workspaceName).optional(),
  }),
);

const variableSetDocument = document(
  "VariableSet",
  z.strictObject({
    description: z.string().max(1024).optional(),
    global: z.boolean().optional(),
    priority: z.boolean().optional(),
    workspaces: z.array(workspaceName).optional(),
    variables: z.array(variable).optional(),
  }),
);

const workspaceDocument = document(
  "Workspace",
  z
    .strictObject({
      description: z.string().max(1024).optional(),
      executionMode: mode.optional(),
      pool: name.optional(),
      engine: engine.optional(),
      workingDirectory: z.string().optional(),
      autoApply: z.boolean().optional(),
      inheritExecutionMode: z.boolean().optional(),
      refuseDestroy: z.boolean().optional(),
      tags: z.array(z.string()).optional(),
      agentSelector: z.string().optional(),
      planTimeout: duration.optional(),
      applyTimeout: duration.optional(),
      initTimeout: duration.optional(),
      parallelism: z.number().int().min(0).max(256).optional(),
      shareState: z.boolean().optional(),
      shareStateWith: z.array(workspaceName).optional(),
      variables: z.array(variable).optional(),
    })
    .refine(
      ({ executionMode, pool }) => pool === undefined || executionMode === undefined || executionMode === "agent",
      {
        error: "a workspace with a pool has executionMode agent",
        path: ["executionMode"],
      },
    )
    .refine(
      ({ inheritExecutionMode, executionMode, pool }) =>
        inheritExecutionMode !== true || (executionMode === undefined && pool === undefined),
      {
        error: "a workspace that inherits its execution mode has no executionMode and no pool of its own",
        path: ["inheritExecutionMode"],
      },
    ),
  workspaceName,
);

const organizationProvidersDocument = document("OrganizationProviders", providersSpec);
const poolProvidersDocument = document("AgentPoolProviders", providersSpec);

/** One document of a manifest, checked. */
export const anyDocument = z.discriminatedUnion("kind", [
  organizationDocument,
  poolDocument,
  variableSetDocument,
  workspaceDocument,
  organizationProvidersDocument,
  poolProvidersDocument,
]);

export type Document = z.infer<typeof anyDocument>;
export type OrganizationDocument = z.infer<typeof organizationDocument>;
export type PoolDocument = z.infer<typeof poolDocument>;
export type VariableSetDocument = z.infer<typeof variableSetDocument>;
export type WorkspaceDocument = z.infer<typeof workspaceDocument>;
export type OrganizationProvidersDocument = z.infer<typeof organizationProvidersDocument>;
export type PoolProvidersDocument = z.infer<typeof poolProvidersDocument>;
export type VariableEntry = z.infer<typeof variable>;
export type Kind = Document["kind"];

/** The order in which documents are applied: what others need comes first. */
export const kindOrder: readonly Kind[] = [
  "Organization",
  "AgentPool",
  "OrganizationProviders",
  "AgentPoolProviders",
  "VariableSet",
  "Workspace",
];

const nouns: Readonly<Record<Kind, string>> = {
  Organization: "org",
  AgentPool: "pool",
  VariableSet: "varset",
  Workspace: "workspace",
  OrganizationProviders: "providers/org",
  AgentPoolProviders: "providers/pool",
};

/** `workspace/network`, as people and `-o name` know it. */
export const resourceOf = ({ kind, metadata: { name: own } }: Pick<Document, "kind" | "metadata">): string =>
  `${nouns[kind]}/${own}`;
