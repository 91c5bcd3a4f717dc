import { create } from "@bufbuild/protobuf";
import { type Variable, VariableCategory, VariableSchema } from "../gen/windlass/v1/variable_pb.ts";
import { ListVariablesResponseSchema, VariableService } from "../gen/windlass/v1/variable_service_pb.ts";
import { ageText } from "./ages.ts";
import { answerGone, goneFormats, ticked } from "./answers.ts";
import { assignments } from "./assignments.ts";
import { type Command, command, some } from "./command.ts";
import { neededText, text, toggle } from "./flags.ts";
import { fetchRows, listFlags } from "./lists.ts";
import type { Column } from "./table.ts";
import { enumText } from "./words.ts";

const workspace = neededText("the workspace", { short: "w", placeholder: "WS" });
const nameOf = ({ key }: Variable): string => `var/${key}`;

const columns: readonly Column<Variable>[] = [
  { name: "KEY", value: ({ key }) => key },
  { name: "VALUE", value: ({ value, sensitive }) => (sensitive ? "(sensitive)" : value) },
  { name: "CATEGORY", value: ({ category }) => enumText(VariableCategory, category) },
  { name: "HCL", value: ({ hcl }) => (hcl ? "yes" : "") },
  { name: "DESCRIPTION", value: ({ description }) => description },
  { name: "CHANGED", isWide: true, value: ({ updateTime }, now) => ageText(updateTime, now) },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

const list = command({
  name: "list",
  summary: "List the variables of a workspace; sensitive values never come back",
  examples: ["windlass var list -w network"],
  flags: { workspace, ...listFlags },
  run: async (context, { flags }) => {
    const client = await context.client(VariableService);
    const scope = { organization: await context.organization(), workspace: flags.workspace };
    const { rows: variables, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listVariables({ ...scope, ...page });
      return { rows: answer.variables, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListVariablesResponseSchema, { variables, nextPageToken });
    const shown = { schema: ListVariablesResponseSchema, message, item: VariableSchema };
    await context.printer.list({ ...shown, rows: variables, name: nameOf, columns }, flags);
    return undefined;
  },
});

const set = command({
  name: "set",
  summary: "Create or overwrite variables, all or none",
  examples: [
    "windlass var set -w network region=eu-west-1",
    "windlass var set -w network --env --sensitive AWS_SECRET_ACCESS_KEY=- < secret",
    `windlass var set -w network --hcl 'zones=["a", "b"]'`,
    "windlass var set -w network --sensitive key=@id_rsa",
  ],
  positionals: { variables: some("KEY=VALUE", "KEY=- reads the value from stdin, KEY=@FILE from a file") },
  flags: {
    workspace,
    env: toggle("environment variables, not terraform ones"),
    hcl: toggle("the values are HCL expressions"),
    sensitive: toggle("never show the values again, and redact them in logs"),
    description: text("for people"),
  },
  run: async (context, { args, flags }) => {
    const values = await assignments(context.io, args.variables);
    const client = await context.client(VariableService);
    const category = flags.env === true ? VariableCategory.ENV : VariableCategory.TERRAFORM;
    const answer = await client.setVariables({
      organization: await context.organization(),
      workspace: flags.workspace,
      variables: values.map(({ key, value }) => ({
        key,
        value,
        category,
        hcl: flags.hcl === true,
        sensitive: flags.sensitive === true,
        description: flags.description ?? "",
      })),
    });
    const names = values.map(({ key }) => key).join(", ");
    if (context.printer.isForPeople) {
      await context.printer.lines([ticked(context, `Set ${names} of workspace ${flags.workspace}`)]);
      return undefined;
    }
    const message = create(ListVariablesResponseSchema, { variables: answer.variables });
    const shown = { schema: ListVariablesResponseSchema, message, item: VariableSchema };
    await context.printer.list(
      { ...shown, rows: answer.variables, name: nameOf, columns },
      { columns: [], noHeaders: false },
    );
    return undefined;
  },
});

const unset = command({
  name: "unset",
  summary: "Delete variables",
  examples: ["windlass var unset -w network region", "windlass var unset -w network --env AWS_REGION"],
  positionals: { keys: some("KEY", "the names") },
  flags: { workspace, env: toggle("environment variables, not terraform ones") },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args, flags }) => {
    const client = await context.client(VariableService);
    const category = flags.env === true ? VariableCategory.ENV : VariableCategory.TERRAFORM;
    const scope = { organization: await context.organization(), workspace: flags.workspace, category };
    for (const key of args.keys) await client.deleteVariable({ ...scope, key });
    const names = args.keys.join(", ");
    return answerGone(context, `var/${args.keys.join(",")}`, `Unset ${names} of workspace ${flags.workspace}`);
  },
});

/** Every verb of `windlass var`. */
export const varCommands: readonly Command[] = [list, set, unset];
