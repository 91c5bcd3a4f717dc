import { maskToken } from "../../lib/words/tokens.ts";
import { toggle } from "../line/flags.ts";
import { type SavedContext, writeConfig } from "../server/config-file.ts";
import { type Connection, contextOf, type Sourced } from "../server/connection.ts";
import { ticked } from "../shared/answers.ts";
import { type Command, command, one } from "../shared/command.ts";
import { tableFlags } from "../shared/lists.ts";
import { type Column, detailLines } from "../terminal/table.ts";

interface Row {
  readonly context: SavedContext;
  readonly isCurrent: boolean;
}

export const contextColumns: readonly Column<Row>[] = [
  { name: "CURRENT", value: ({ isCurrent }) => (isCurrent ? "*" : "") },
  { name: "NAME", value: ({ context }) => context.name },
  { name: "ADDRESS", value: ({ context }) => context.address },
  { name: "ORGANIZATION", drop: 2, value: ({ context }) => context.organization ?? "" },
  { name: "TOKEN", drop: 1, value: ({ context }) => tokenText(context) },
  { name: "REFUSES", isWide: true, value: ({ context }) => (context.deny ?? []).join(", ") },
];

function tokenText({ token, tokenFile, tokenCommand }: SavedContext): string {
  if (token !== undefined) return maskToken(token);
  if (tokenFile !== undefined) return `from ${tokenFile}`;
  return tokenCommand === undefined ? "" : `from ${tokenCommand[0]}`;
}

const list = command({
  name: "list",
  summary: "List saved servers",
  examples: ["windlass context list"],
  flags: {
    ...tableFlags(contextColumns),
  },
  run: async (context, { flags }) => {
    const { printer } = context;
    const { config } = await context.connection();
    const rows = config.contexts.map((one) => ({ context: one, isCurrent: one.name === config.current }));
    if (printer.format === "name") {
      await printer.lines(rows.map((row) => `context/${row.context.name}`));
      return undefined;
    }
    const value = rows.map(({ context: { name, address, organization }, isCurrent }) => ({
      name,
      address,
      organization: organization ?? "",
      current: isCurrent,
    }));
    await printer.plain({ contexts: value }, rows.length === 0 ? [] : printer.table(rows, contextColumns, flags));
    return undefined;
  },
});

const use = command({
  name: "use",
  summary: "Use a saved server from now on",
  examples: ["windlass context use tf.example.com"],
  positionals: { name: one("CONTEXT", "the name of a saved context") },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { args: { name } }) => {
    const { config, configPath } = await context.connection();
    const { address } = contextOf(config, name);
    await writeConfig(configPath.value, { ...config, current: name });
    await context.printer.plain({ current: name, address }, [
      ticked(context, `Context "${name}" (${address}) is in use`),
    ]);
    return undefined;
  },
});

const show = command({
  name: "show",
  summary: "Show the settings in effect, and with --origin where each comes from",
  examples: ["windlass context show --origin"],
  flags: { origin: toggle("also say where each value comes from") },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { flags }) => {
    const settings = settingsOf(await context.connection());
    const withOrigin = ({ value, origin }: Sourced<string>) =>
      flags.origin === true ? `${value || "-"}  (${origin})` : value;
    const tree = Object.entries(settings).map(([name, one]) => [name, flags.origin === true ? { ...one } : one.value]);
    await context.printer.plain(
      Object.fromEntries(tree),
      detailLines(Object.entries(settings).map(([name, one]) => [name, withOrigin(one)])),
    );
    return undefined;
  },
});

/** Every setting in effect as text; the token masked. */
function settingsOf(connection: Connection): Readonly<Record<string, Sourced<string>>> {
  const { address, organization, contextName, configPath, token, tls, timeoutMs } = connection;
  const shown = ({ value, origin }: Sourced<string | undefined>) => ({ value: value ?? "", origin });
  return {
    config: configPath,
    context: shown(contextName),
    address,
    organization,
    token: { value: token.value === undefined ? "" : maskToken(token.value), origin: token.origin },
    caFile: shown(tls.caFile),
    certFile: shown(tls.certFile),
    keyFile: shown(tls.keyFile),
    serverName: shown(tls.serverName),
    insecure: { value: String(tls.insecure.value), origin: tls.insecure.origin },
    timeout: { value: `${timeoutMs.value / 1000}s`, origin: timeoutMs.origin },
    refuses: { value: connection.denied.join(", "), origin: "context or WINDLASS_NO_DELETE" },
  };
}

/** Every verb of `windlass context`. */
export const contextCommands: readonly Command[] = [list, use, show];
