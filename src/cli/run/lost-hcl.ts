import { HeldInState, type LostResource, type Run } from "../../gen/windlass/v1/run_pb.ts";
import { quoted } from "../../lib/hcl/text.ts";
import { oneLine } from "../../lib/text/clean-text.ts";

/** An index key in brackets: a number, or a string without a template in it. */
const step = String.raw`[\p{L}_][\p{L}\p{N}_-]*(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?`;
const address = new RegExp(String.raw`^${step}(?:\.${step})+$`, "u");
const template = /[$%]\{/;

/**
 * Blocks for a configuration that take what an apply has made and its state does not have into the state, and what to
 * know of them.
 */
export function lostHcl({ id, workspace, lost, lostCount }: Run): readonly string[] {
  const made = lost.filter(({ action }) => action !== "delete");
  const gone = lost.filter(({ action }) => action === "delete");
  const rest = lostCount - lost.length;
  return [
    ...comment(`What the apply of ${id} (workspace ${workspace}) had finished and its last state does not have.`),
    ...comment(
      "Put this beside the configuration, plan, and look that nothing of it is planned to be created; then apply, and remove it.",
    ),
    ...comment(
      "Most resources are imported by their id. Where a provider wants another one, its documentation says which.",
    ),
    ...(rest > 0 ? comment(`${rest} more are not listed: the log of the apply has all of them.`) : []),
    ...made.flatMap((resource) => ["", ...importBlock(resource, workspace)]),
    ...(gone.length === 0 ? [] : ["", ...goneLines(gone)]),
  ];
}

/** A `removed` block would be refused beside the resource's own block, and a refresh finds out by itself. */
const goneLines = (gone: readonly LostResource[]): readonly string[] => [
  ...comment(
    "Destroyed, and still in the state. Nothing is to be done: the next plan reads that they are gone (not with --refresh=false).",
  ),
  ...gone.flatMap((resource) => comment(`  ${nameOf(resource)}`)),
];

function importBlock(resource: LostResource, workspace: string): readonly string[] {
  const why = whyNotReady(resource);
  const hint = hintOf(resource, workspace);
  const id = resource.id === "" || resource.hidden ? "…" : resource.id;
  const block = ["import {", `  to = ${oneLine(resource.address)}`, `  id = ${quoted(id)}`, "}"];
  if (why === undefined) return [...hint, ...block];
  return [...comment(`${oneLine(resource.address)}: ${why}`), ...hint, ...block.map((line) => `# ${line}`)];
}

function whyNotReady({ hidden, id, address: to }: LostResource): string | undefined {
  if (hidden) return "a secret in its address or id is not shown: fill it in.";
  if (id === "") return "terraform named no id: look for the object, and fill its id in.";
  return isAddress(to) ? undefined : "this is no address that a configuration can have.";
}

const isAddress = (text: string): boolean =>
  address.test(text) && !text.includes("\n") && !template.test(text.replaceAll("$${", "").replaceAll("%%{", ""));

function hintOf({ held, idKey, id }: LostResource, workspace: string): readonly string[] {
  const byName =
    id === "" || idKey === "id"
      ? []
      : comment(`Named by its ${oneLine(idKey)}: its provider may import it by something else.`);
  if (held === HeldInState.OTHER_OBJECT) {
    return [
      ...byName,
      ...comment("The state has another object at this address, and an import is passed over as long as it has."),
      ...comment(`If that one was destroyed: windlass run start ${workspace} --refresh-only --auto-apply, then this.`),
      ...comment("If it is still there, one of the two is too many: look at both."),
    ];
  }
  if (held !== HeldInState.UNKNOWN) return byName;
  return [...byName, ...comment("The last state cannot be read: if it has this, the import is passed over.")];
}

const nameOf = ({ address: to, idKey, id }: LostResource): string => `${to}${id === "" ? "" : ` [${idKey}=${id}]`}`;

/** One line, whatever is in it. */
const comment = (text: string): readonly string[] => [`# ${oneLine(text)}`];
