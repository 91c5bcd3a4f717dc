import { type Variable, VariableCategory } from "../../gen/windlass/v1/variable_pb.ts";
import { VariableService } from "../../gen/windlass/v1/variable_service_pb.ts";
import { toggle } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { command } from "../shared/command.ts";
import { everyRow } from "../shared/lists.ts";
import { envLine, tfvarsLine } from "./variable-files.ts";
import { type Holder, holderFlags, holderOf } from "./variable-holder.ts";

export const exportVariables = command({
  name: "export",
  summary: "Print variables as a .tfvars file, or with --env as a .env file; sensitive ones as comments",
  examples: [
    "windlass var export -w network > network.tfvars",
    "windlass var export -w network --effective --env > .env",
  ],
  flags: {
    ...holderFlags,
    env: toggle("the environment variables, not the terraform ones"),
    effective: toggle("what a run would get, variable sets included"),
  },
  formats: [],
  run: async (context, { flags }) => {
    const holder = holderOf(flags);
    const all = flags.effective === true ? await effective(context, holder) : await own(context, holder);
    const category = flags.env === true ? VariableCategory.ENV : VariableCategory.TERRAFORM;
    const chosen = all.filter((variable) => variable.category === category);
    await context.printer.exact(chosen.map((one) => `${lineOf(one)}\n`).join(""));
    const hidden = chosen.filter(({ sensitive }) => sensitive).map(({ key }) => key);
    if (hidden.length > 0) context.notes.warn(`sensitive values never come back: ${hidden.join(", ")}`);
    return undefined;
  },
});

function lineOf({ key, value, category, hcl, sensitive }: Variable): string {
  if (sensitive) return `# ${key} is sensitive`;
  return category === VariableCategory.ENV ? envLine(key, value) : tfvarsLine(key, value, hcl);
}

async function own(context: Context, { workspace, variableSet }: Holder): Promise<readonly Variable[]> {
  const client = await context.client(VariableService);
  const scope = { organization: await context.organization(), workspace, variableSet };
  return everyRow(
    (page) => client.listVariables({ ...scope, ...page }),
    ({ variables }) => variables,
  );
}

async function effective(context: Context, { workspace }: Holder): Promise<readonly Variable[]> {
  if (workspace === "")
    throw usageError("--effective is about the runs of a workspace: name it by --workspace WS (-w)");
  const client = await context.client(VariableService);
  const scope = { organization: await context.organization(), workspace };
  return everyRow(
    (page) => client.listEffectiveVariables({ ...scope, ...page }),
    ({ variables }) => variables.flatMap(({ variable }) => variable ?? []),
  );
}
