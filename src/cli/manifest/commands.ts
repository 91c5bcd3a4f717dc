import { dirname, resolve } from "node:path";
import { counted } from "../../lib/text/counted.ts";
import { choiceList, list, toggle } from "../line/flags.ts";
import { exitCodes } from "../problems/exit.ts";
import type { Context } from "../server/context.ts";
import { type Command, command } from "../shared/command.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { changeLines, changeSum, hasChanges, type ManifestChange } from "./change.ts";
import { type Kind, resourceOf } from "./documents.ts";
import { type Loaded, loadManifest } from "./load.ts";
import { attachmentSteps, planDocument } from "./plan.ts";
import type { ManifestScope } from "./scope.ts";
import { warnOfOpenEntries } from "./variables.ts";

const file = list("a file, a folder, or - for stdin; may be given again", { short: "f", placeholder: "FILE" });
const prune = toggle(
  "also take away grants, registries, variables and attachments of the listed resources that are not in the manifest",
);

/** How a manifest is compared. */
type Way = Pick<ManifestScope, "prunes" | "readsSecrets">;

const siteOf = async (context: Context, { document, file: from }: Loaded, way: Way): Promise<ManifestScope> => ({
  context,
  ...way,
  organization: document.metadata.organization ?? (await context.organization()),
  directory: from === "-" ? context.io.workingDirectory : dirname(resolve(context.io.workingDirectory, from)),
});

/** Reads a manifest, and warns of keys in it. */
async function load({ io, notes }: Context, files: readonly string[]): Promise<readonly Loaded[]> {
  const loaded = await loadManifest(io, files);
  for (const { document } of loaded) warnOfOpenEntries(notes, document);
  return loaded;
}

interface Planned {
  readonly loaded: readonly Loaded[];
  readonly changes: readonly ManifestChange[];
}

async function plan(context: Context, files: readonly string[], way: Way): Promise<Planned> {
  const loaded = await load(context, files);
  const changes: ManifestChange[] = [];
  for (const one of loaded) changes.push(await planDocument(await siteOf(context, one, way), one.document));
  return { loaded, changes };
}

const show = (context: Context, changes: readonly ManifestChange[], sum: readonly string[] = []): Promise<void> =>
  context.printer.plain(
    changes.map(({ resource, kind, fields, notes }) => ({
      resource,
      kind,
      notes: [...notes],
      fields: fields.map(({ path, from, to }) => ({ path, from: from ?? null, to: to ?? null })),
    })),
    [...changeLines(changes), ...sum],
  );

const formats = ["table", "wide", "json", "jsonl", "yaml"] as const;

const applyManifest = command({
  name: "apply",
  summary: "Make pools, providers, variable sets and workspaces what a manifest says",
  examples: ["windlass manifest apply -f site.yaml", "windlass manifest apply -f site/ --prune --yes"],
  flags: { file, prune },
  formats,
  run: async (context, { flags }) => {
    const { loaded, changes } = await plan(context, flags.file, { prunes: flags.prune === true, readsSecrets: true });
    await show(context, changes);
    const steps = changes.flatMap(({ steps: own }) => own);
    for (const [place, one] of loaded.entries()) {
      if (one.document.kind !== "VariableSet") continue;
      const change = changes[place];
      const attaches = change?.kind === "create" || change?.fields.some(({ path, to }) => path === "workspaces" && to);
      if (attaches)
        steps.push(
          ...(await attachmentSteps(await siteOf(context, one, { prunes: false, readsSecrets: false }), one.document)),
        );
    }
    if (steps.length === 0) {
      context.notes.say("Nothing to do: everything is as the manifest says.");
      return undefined;
    }
    const changed = changes.filter(({ kind }) => kind !== "none").length;
    const what = changed === 0 ? "Write the sensitive values?" : `Make these ${counted(changed, "change")}?`;
    await confirmOrStop(context, what);
    for (const step of steps) await step();
    context.notes.say(`${context.notes.signs.ok} Applied: ${counted(changed, "resource")} changed`);
    return undefined;
  },
});

const diff = command({
  name: "diff",
  summary: "Show what a manifest would change",
  examples: ["windlass manifest diff -f site.yaml", "windlass manifest diff -f site/ --detailed-exitcode"],
  flags: { file, prune, detailedExitcode: toggle("exit 2 if there are changes") },
  formats,
  run: async (context, { flags }) => {
    const { changes } = await plan(context, flags.file, { prunes: flags.prune === true, readsSecrets: false });
    await show(context, changes, [`${changeSum(changes)}.`]);
    return flags.detailedExitcode === true && hasChanges(changes) ? exitCodes.usage : undefined;
  },
});

const validate = command({
  name: "validate",
  summary: "Check a manifest without a server",
  examples: ["windlass manifest validate -f site/"],
  flags: { file },
  formats,
  run: async (context, { flags }) => {
    const loaded = await load(context, flags.file);
    const resources = loaded.map(({ document }) => resourceOf(document));
    await context.printer.plain({ valid: true, resources }, [
      `${context.notes.signs.ok} ${counted(resources.length, "document")}: ${resources.join(", ")}`,
    ]);
    return undefined;
  },
});

const kindWords = {
  org: ["Organization"],
  pool: ["AgentPool"],
  varset: ["VariableSet"],
  workspace: ["Workspace"],
  providers: ["OrganizationProviders", "AgentPoolProviders"],
} as const satisfies Readonly<Record<string, readonly Kind[]>>;

const exportManifest = command({
  name: "export",
  summary: "Print the organization's pools, variable sets and workspaces as a manifest",
  examples: [
    "windlass manifest export > site.yaml",
    "windlass manifest export --kinds pool,workspace",
    "windlass manifest export --kinds providers",
  ],
  flags: {
    kinds: choiceList("only these kinds (default pool, varset, workspace)", [
      "org",
      "pool",
      "varset",
      "workspace",
      "providers",
    ]),
  },
  formats: ["yaml", "json"],
  run: async (context, { flags }) => {
    const words = flags.kinds.length === 0 ? (["pool", "varset", "workspace"] as const) : flags.kinds;
    const kinds = new Set<Kind>(words.flatMap((word) => kindWords[word]));
    const { exportDocuments } = await import("./export.ts");
    const organization = await context.organization();
    const documents = await exportDocuments(
      { context, organization, prunes: false, readsSecrets: false, directory: context.io.workingDirectory },
      kinds,
    );
    if (context.printer.format === "json") {
      await context.printer.json(documents, 2);
      return undefined;
    }
    await context.printer.documents(documents);
    return undefined;
  },
});

/** The same without its noun. */
export const applyShort: Command = {
  ...applyManifest,
  examples: ["windlass apply -f site.yaml", "windlass apply -f site/ --yes", "windlass apply -f - < site.yaml"],
};

/** Every verb of `windlass manifest`. */
export const manifestCommands: readonly Command[] = [applyManifest, diff, exportManifest, validate];
