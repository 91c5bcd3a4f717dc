import { create } from "@bufbuild/protobuf";
import { type VariableSet, VariableSetSchema } from "../../gen/windlass/v1/variable_pb.ts";
import { ListVariableSetsResponseSchema, VariableSetService } from "../../gen/windlass/v1/variable_set_service_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { given } from "../../lib/values/records.ts";
import { text, toggle } from "../line/flags.ts";
import { answerChanged, answerGone, goneFormats, maskOf } from "../shared/answers.ts";
import { type Command, command, one, some } from "../shared/command.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { ageText, timeText } from "../terminal/ages.ts";
import { type Column, detailLines } from "../terminal/table.ts";

const set = one("SET", "its name or id");
const nameOf = ({ name }: VariableSet): string => `varset/${name}`;
const usersOf = ({ isGlobal, workspaces }: VariableSet): string => (isGlobal ? "all" : workspaces.join(", "));

export const variableSetColumns: readonly Column<VariableSet>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "VARIABLES", drop: 2, value: ({ variableCount }) => String(variableCount) },
  { name: "WORKSPACES", value: usersOf },
  { name: "DESCRIPTION", drop: 1, value: ({ description }) => description },
  { name: "AGE", isWide: true, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

const linesOf = (message: VariableSet): readonly string[] =>
  detailLines([
    ["Name", message.name],
    ["Id", message.id],
    ["Organization", message.organization],
    ["Description", message.description],
    ["Global", message.isGlobal ? "yes, every workspace gets it" : "no"],
    ["Priority", message.isPriority ? "yes, it wins over runs and workspaces" : "no"],
    ["Attached to", message.workspaces.join(", ")],
    ["Variables", String(message.variableCount)],
    ["Created", timeText(message.createTime)],
    ["Changed", timeText(message.updateTime)],
  ]);

const settingFlags = {
  description: text("what it is for"),
  global: toggle("every workspace of the organization gets it"),
  priority: toggle("its values win over those of runs, workspaces and other sets"),
};

/** Every verb of `windlass varset`. */
export const varsetCommands: readonly Command[] = [
  command({
    name: "list",
    summary: "List variable sets, all or those that a workspace gets",
    examples: ["windlass varset list", "windlass varset list -w network"],
    flags: {
      workspace: text("only sets that this workspace gets", { short: "w", placeholder: "WS" }),
      ...listFlags(variableSetColumns),
    },
    run: async (context, { flags }) => {
      const client = await context.client(VariableSetService);
      const scope = { organization: await context.organization(), workspace: flags.workspace ?? "" };
      const { rows: variableSets, nextPageToken } = await fetchRows(context, flags, async (page) => {
        const answer = await client.listVariableSets({ ...scope, ...page });
        return { rows: answer.variableSets, nextPageToken: answer.nextPageToken };
      });
      const message = create(ListVariableSetsResponseSchema, { variableSets, nextPageToken });
      const shown = { schema: ListVariableSetsResponseSchema, message, item: VariableSetSchema };
      await context.printer.list({ ...shown, rows: variableSets, name: nameOf, columns: variableSetColumns }, flags);
      return undefined;
    },
  }),
  command({
    name: "get",
    summary: "Show a variable set; its variables: var list --set",
    examples: ["windlass varset get cloud"],
    positionals: { set },
    run: async (context, { args }) => {
      const client = await context.client(VariableSetService);
      const request = { organization: await context.organization(), variableSet: args.set };
      const message = (await client.getVariableSet(request)).variableSet ?? create(VariableSetSchema);
      const shown = { schema: VariableSetSchema, message, name: nameOf(message) };
      await context.printer.resource({ ...shown, lines: linesOf(message) });
      if (context.printer.isForPeople) {
        context.notes.next([{ label: "Its variables", command: context.command(`var list --set ${message.name}`) }]);
      }
      return undefined;
    },
  }),
  command({
    name: "create",
    summary: "Create a variable set",
    examples: ["windlass varset create cloud --description keys", "windlass varset create proxies --global"],
    positionals: { name: one("NAME", "letters, digits, - and _") },
    flags: settingFlags,
    run: async (context, { args, flags }) => {
      const client = await context.client(VariableSetService);
      const answer = await client.createVariableSet({
        organization: await context.organization(),
        variableSet: {
          ...{ name: args.name, description: flags.description ?? "" },
          ...{ isGlobal: flags.global ?? false, isPriority: flags.priority ?? false },
        },
        requestId: context.io.random.uuid(),
      });
      const message = answer.variableSet ?? create(VariableSetSchema);
      const changed = { schema: VariableSetSchema, message, name: nameOf(message) };
      return answerChanged(context, { ...changed, done: `Created variable set ${message.name} (${message.id})` }, [
        { label: "Fill it", command: context.command(`var set --set ${message.name} KEY=VALUE`) },
        ...(message.isGlobal
          ? []
          : [{ label: "Give it to workspaces", command: context.command(`varset attach ${message.name} WS`) }]),
      ]);
    },
  }),
  command({
    name: "edit",
    summary: "Change a variable set",
    examples: ["windlass varset edit cloud --name aws", "windlass varset edit proxies --global=false"],
    positionals: { set },
    flags: { name: text("a new name", { placeholder: "NAME" }), ...settingFlags },
    run: async (context, { args, flags }) => {
      const { name, description, global: isGlobal, priority: isPriority } = flags;
      const updateMask = maskOf({ name, description, is_global: isGlobal, is_priority: isPriority });
      const client = await context.client(VariableSetService);
      const answer = await client.updateVariableSet({
        organization: await context.organization(),
        variableSet: args.set,
        changes: given({ name, description, isGlobal, isPriority }),
        updateMask,
      });
      const message = answer.variableSet ?? create(VariableSetSchema);
      const changed = { schema: VariableSetSchema, message, name: nameOf(message) };
      return answerChanged(context, { ...changed, done: `Changed variable set ${message.name}` });
    },
  }),
  command({
    name: "delete",
    summary: "Delete variable sets with their variables",
    examples: ["windlass varset delete cloud", "windlass varset delete cloud dns --yes"],
    positionals: { sets: some("SET", "names or ids") },
    formats: goneFormats,
    guard: () => "delete",
    run: async (context, { args }) => {
      const client = await context.client(VariableSetService);
      const organization = await context.organization();
      const found: VariableSet[] = [];
      for (const variableSet of args.sets) {
        const answer = await client.getVariableSet({ organization, variableSet });
        found.push(answer.variableSet ?? create(VariableSetSchema));
      }
      for (const set of found) {
        const users = usersOf(set) === "" ? "no workspace" : set.isGlobal ? "every workspace" : usersOf(set);
        const variables = set.variableCount === 0 ? "" : ` with ${counted(set.variableCount, "variable")}`;
        await confirmOrStop(context, `Delete variable set ${set.name}${variables}? It is used by ${users}.`);
        await client.deleteVariableSet({ organization, variableSet: set.id });
        await answerGone(context, `varset/${set.name}`, `Deleted variable set ${set.name}`);
      }
      return undefined;
    },
  }),
  command({
    name: "attach",
    summary: "Give a variable set to workspaces, all or none",
    examples: ["windlass varset attach cloud network dns"],
    positionals: { set, workspaces: some("WS", "names or ids") },
    run: async (context, { args }) => {
      const client = await context.client(VariableSetService);
      const target = { organization: await context.organization(), variableSet: args.set };
      const answer = await client.attachVariableSet({ ...target, workspaces: [...args.workspaces] });
      const message = answer.variableSet ?? create(VariableSetSchema);
      const changed = { schema: VariableSetSchema, message, name: nameOf(message) };
      const done = `Attached variable set ${message.name} to ${args.workspaces.join(", ")}`;
      return answerChanged(context, { ...changed, done });
    },
  }),
  command({
    name: "detach",
    summary: "Take a variable set from workspaces",
    examples: ["windlass varset detach cloud dns"],
    positionals: { set, workspaces: some("WS", "names or ids") },
    run: async (context, { args }) => {
      const client = await context.client(VariableSetService);
      const target = { organization: await context.organization(), variableSet: args.set };
      const answer = await client.detachVariableSet({ ...target, workspaces: [...args.workspaces] });
      const message = answer.variableSet ?? create(VariableSetSchema);
      const changed = { schema: VariableSetSchema, message, name: nameOf(message) };
      const done = `Detached variable set ${message.name} from ${args.workspaces.join(", ")}`;
      return answerChanged(context, { ...changed, done });
    },
  }),
];
