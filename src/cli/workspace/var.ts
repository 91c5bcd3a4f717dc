import { create } from "@bufbuild/protobuf";
import {
  EffectiveVariableSchema,
  type Variable,
  VariableCategory,
  VariableSchema,
} from "../../gen/windlass/v1/variable_pb.ts";
import {
  ListEffectiveVariablesResponseSchema,
  ListVariablesResponseSchema,
  VariableService,
} from "../../gen/windlass/v1/variable_service_pb.ts";
import { text, toggle } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerGone, goneFormats, ticked } from "../shared/answers.ts";
import { assignments } from "../shared/assignments.ts";
import { type Command, command, some } from "../shared/command.ts";
import { fetchRows, type ListLimits, listFlags } from "../shared/lists.ts";
import type { ListStyle } from "../terminal/printer.ts";
import { exportVariables } from "./var-export.ts";
import { importVariables } from "./var-import.ts";
import { holderFlags, holderOf } from "./variable-holder.ts";
import {
  effectiveColumns,
  effectiveName,
  variableColumns,
  variableName,
  warnOfOpenKeys,
  warnOfShortSecrets,
} from "./variable-view.ts";

const list = command({
  name: "list",
  summary: "List the variables of a workspace or a variable set; sensitive values never come back",
  examples: [
    "windlass var list -w network",
    "windlass var list --set cloud",
    "windlass var list -w network --effective",
  ],
  flags: {
    ...holderFlags,
    effective: toggle("what a run would get, and which variable set it comes from"),
    ...listFlags([...variableColumns, ...effectiveColumns]),
  },
  run: async (context, { flags }) => {
    const { workspace, variableSet } = holderOf(flags);
    if (flags.effective === true) return listEffective(context, workspace, flags);
    const client = await context.client(VariableService);
    const scope = { organization: await context.organization(), workspace, variableSet };
    const { rows: variables, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listVariables({ ...scope, ...page });
      return { rows: answer.variables, nextPageToken: answer.nextPageToken };
    });
    await printVariables(context, variables, nextPageToken, flags);
    return undefined;
  },
});

async function listEffective(context: Context, workspace: string, flags: ListStyle & ListLimits): Promise<undefined> {
  if (workspace === "")
    throw usageError("--effective is about the runs of a workspace: name it by --workspace WS (-w)");
  const client = await context.client(VariableService);
  const scope = { organization: await context.organization(), workspace };
  const { rows, nextPageToken } = await fetchRows(context, flags, async (page) => {
    const answer = await client.listEffectiveVariables({ ...scope, ...page });
    return { rows: answer.variables, nextPageToken: answer.nextPageToken };
  });
  const message = create(ListEffectiveVariablesResponseSchema, { variables: rows, nextPageToken });
  const shown = { schema: ListEffectiveVariablesResponseSchema, message, item: EffectiveVariableSchema };
  await context.printer.list({ ...shown, rows, name: effectiveName, columns: effectiveColumns }, flags);
  return undefined;
}

function printVariables(
  context: Context,
  variables: Variable[],
  nextPageToken: string,
  style: ListStyle,
): Promise<void> {
  const message = create(ListVariablesResponseSchema, { variables, nextPageToken });
  const shown = { schema: ListVariablesResponseSchema, message, item: VariableSchema };
  return context.printer.list({ ...shown, rows: variables, name: variableName, columns: variableColumns }, style);
}

const set = command({
  name: "set",
  summary: "Create or overwrite variables, all or none",
  examples: [
    "windlass var set -w network region=eu-west-1",
    "windlass var set --set cloud --env --sensitive AWS_SECRET_ACCESS_KEY=- < secret",
    `windlass var set -w network --hcl 'zones=["a", "b"]'`,
    "windlass var set -w network --sensitive key=@id_rsa",
  ],
  positionals: {
    variables: some(
      "KEY=VALUE",
      "KEY=- reads the value from stdin (without a newline at its end), KEY=@FILE from a file (its bytes as they are)",
    ),
  },
  flags: {
    ...holderFlags,
    env: toggle("environment variables, not terraform ones"),
    hcl: toggle("the values are HCL expressions"),
    sensitive: toggle("never show the values again, and redact them in logs"),
    description: text("for people"),
    dryRun: toggle("only check, and change nothing"),
  },
  run: async (context, { args, flags }) => {
    const { title, ...holder } = holderOf(flags);
    const values = await assignments(context.io, args.variables);
    const client = await context.client(VariableService);
    const category = flags.env === true ? VariableCategory.ENV : VariableCategory.TERRAFORM;
    const shared = { category, hcl: flags.hcl === true, sensitive: flags.sensitive === true };
    const variables = values.map(({ key, value }) => ({ key, value, ...shared, description: flags.description ?? "" }));
    const request = { organization: await context.organization(), ...holder, variables };
    const answer = await client.setVariables({ ...request, validateOnly: flags.dryRun === true });
    warnOfShortSecrets(context.notes, variables);
    warnOfOpenKeys(context.notes, variables);
    if (!context.printer.isForPeople) {
      await printVariables(context, answer.variables, "", { columns: [], noHeaders: false });
      return undefined;
    }
    const names = values.map(({ key }) => key).join(", ");
    const done = flags.dryRun === true ? `Could set ${names} of ${title}` : `Set ${names} of ${title}`;
    await context.printer.lines([ticked(context, done)]);
    return undefined;
  },
});

const unset = command({
  name: "unset",
  summary: "Delete variables",
  examples: ["windlass var unset -w network region", "windlass var unset --set cloud --env AWS_REGION"],
  positionals: { keys: some("KEY", "the names") },
  flags: { ...holderFlags, env: toggle("environment variables, not terraform ones") },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args, flags }) => {
    const { title, ...holder } = holderOf(flags);
    const client = await context.client(VariableService);
    const category = flags.env === true ? VariableCategory.ENV : VariableCategory.TERRAFORM;
    const scope = { organization: await context.organization(), ...holder, category };
    for (const key of args.keys) await client.deleteVariable({ ...scope, key });
    return answerGone(context, `var/${args.keys.join(",")}`, `Unset ${args.keys.join(", ")} of ${title}`);
  },
});

/** Every verb of `windlass var`. */
export const varCommands: readonly Command[] = [list, set, unset, importVariables, exportVariables];
