import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type Variable, VariableCategory, VariableSchema } from "../../gen/windlass/v1/variable_pb.ts";
import { ListVariablesResponseSchema, VariableService } from "../../gen/windlass/v1/variable_service_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { choice, toggle } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { ticked } from "../shared/answers.ts";
import { command, one } from "../shared/command.ts";
import { readStdin } from "../terminal/io.ts";
import { fileForms, formOf, readVariables } from "./variable-files.ts";
import { holderFlags, holderOf } from "./variable-holder.ts";
import { variableColumns, variableName, warnOfOpenKeys, warnOfShortSecrets } from "./variable-view.ts";

/** Most variables that one request sets, all or none. */
const most = 500;

export const importVariables = command({
  name: "import",
  summary: "Set every variable of a .tfvars, .tfvars.json or .env file, all or none",
  examples: [
    "windlass var import prod.tfvars -w network",
    "windlass var import .env --set cloud --sensitive --dry-run",
    "windlass var import - --as env -w network < secrets",
  ],
  positionals: { file: one("FILE", "the file, or - for stdin") },
  flags: {
    ...holderFlags,
    as: choice("what the file is, if its name does not tell", fileForms),
    sensitive: toggle("never show the values again, and redact them in logs"),
    dryRun: toggle("only check and show what would be set"),
  },
  run: async (context, { args, flags }) => {
    const { title, ...holder } = holderOf(flags);
    const form = flags.as ?? formOf(args.file);
    if (form === undefined) {
      throw usageError(
        `the name of ${args.file} does not tell what it is: expected .tfvars, .tfvars.json or .env, else --as`,
      );
    }
    const found = readVariables(form, await contentOf(context, args.file), args.file);
    if (found.length === 0) throw usageError(`there is no variable in ${args.file}`);
    if (found.length > most) throw usageError(`${args.file} has ${found.length} variables: at most ${most} at once`);
    const variables = found.map(({ key, value, isEnvironment, isHcl }) => ({
      key,
      value,
      hcl: isHcl,
      sensitive: flags.sensitive === true,
      category: isEnvironment ? VariableCategory.ENV : VariableCategory.TERRAFORM,
    }));
    const client = await context.client(VariableService);
    const request = { organization: await context.organization(), ...holder, variables };
    const isTrial = flags.dryRun === true;
    const answer = await client.setVariables({ ...request, validateOnly: isTrial });
    warnOfShortSecrets(context.notes, variables);
    warnOfOpenKeys(context.notes, variables);
    if (isTrial || !context.printer.isForPeople) await print(context, answer.variables);
    const count = counted(found.length, "variable");
    const done = isTrial ? `Could set ${count} of ${title}; nothing was changed` : `Set ${count} of ${title}`;
    if (!context.printer.isForPeople) return undefined;
    if (isTrial) context.notes.say(done);
    else await context.printer.lines([ticked(context, done)]);
    return undefined;
  },
});

async function contentOf({ io }: Context, file: string): Promise<string> {
  if (file === "-") return readStdin(io);
  return readFile(resolve(io.workingDirectory, file), "utf8").catch((error: unknown) => {
    throw usageError(`${file} cannot be read: ${messageOf(error)}`);
  });
}

const print = (context: Context, variables: Variable[]): Promise<void> =>
  context.printer.list(
    {
      schema: ListVariablesResponseSchema,
      message: create(ListVariablesResponseSchema, { variables }),
      item: VariableSchema,
      rows: variables,
      name: variableName,
      columns: variableColumns,
    },
    { columns: [], noHeaders: false },
  );
