import {
  type Attention,
  type AttentionItem,
  AttentionKind,
  type GetAttentionResponse,
} from "../../gen/windlass/v1/system_service_pb.ts";
import { lookUp } from "../../lib/values/records.ts";
import { ageText, whenText } from "../terminal/ages.ts";

/** Makes a command that acts on the organization of an item. */
export type ItemCommand = (text: string, item: AttentionItem) => string;

interface KindFacts {
  readonly title: string;
  /** What deals with one. */
  readonly command: (item: AttentionItem) => string;
  /** What shows all of them. */
  readonly all: string;
  readonly ends: boolean;
}

type KnownKind = Exclude<(typeof AttentionKind)[keyof typeof AttentionKind], 0>;

const facts: Readonly<Record<KnownKind, KindFacts>> = {
  [AttentionKind.LOST_APPLY]: {
    title: "Lost applies",
    command: ({ id }) => `run resolve ${id}`,
    all: "run list --needs-decision",
    ends: false,
  },
  [AttentionKind.PLAN_TO_CONFIRM]: {
    title: "Plans to confirm",
    command: ({ id }) => `run confirm ${id}`,
    all: "run list --needs-decision",
    ends: false,
  },
  [AttentionKind.QUARANTINED_STATE]: {
    title: "States kept aside",
    command: ({ workspace }) => `state list ${workspace} --quarantined`,
    all: "workspace list",
    ends: false,
  },
  [AttentionKind.POOL_WITHOUT_AGENTS]: {
    title: "Pools without agents",
    command: ({ name }) => `token create --pool ${name} --name HOST`,
    all: "pool list",
    ends: false,
  },
  [AttentionKind.POOL_PAUSED]: {
    title: "Pools whose agents take no jobs",
    command: ({ name }) => `agent list --pool ${name}`,
    all: "pool list",
    ends: false,
  },
  [AttentionKind.AGENT_WARNING]: {
    title: "Agents with warnings",
    command: ({ id }) => `agent get ${id}`,
    all: "agent list",
    ends: false,
  },
  [AttentionKind.AGENT_TOKEN_ENDS]: {
    title: "Agent tokens that end",
    command: ({ id }) => `token rotate ${id}`,
    all: "token list",
    ends: true,
  },
  [AttentionKind.API_KEY_ENDS]: {
    title: "API keys that end",
    command: ({ id }) => `apikey rotate ${id}`,
    all: "apikey list",
    ends: true,
  },
  [AttentionKind.CERTIFICATE_ENDS]: {
    title: "Certificate that ends",
    // No command of this program can do it.
    command: () => "",
    all: "status",
    ends: true,
  },
};

/** One of a newer server is shown by its number, with what the server says of it. */
const factsOf = (kind: AttentionKind): KindFacts =>
  lookUp(facts, kind) ?? { title: `Other (${kind})`, command: () => "", all: "status", ends: false };

/** The command that deals with an item; empty if none of this program does. */
export function commandFor(kind: AttentionKind, item: AttentionItem, command: ItemCommand): string {
  const text = factsOf(kind).command(item);
  return text === "" ? "" : command(text, item);
}

/** What needs somebody, for people: a block, or one line that says that nobody is needed. */
export function attentionLines(
  { attention }: GetAttentionResponse,
  command: ItemCommand,
  now: Date,
): readonly string[] {
  if (attention.length === 0) return ["Needs somebody: nothing"];
  return ["Needs somebody:", ...attention.flatMap((one) => kindLines(one, command, now))];
}

function kindLines({ kind, count, items }: Attention, command: ItemCommand, now: Date): readonly string[] {
  const { title, all } = factsOf(kind);
  const shown = items.flatMap((item) => itemLines(kind, { item, now }, command));
  const [first] = items;
  const rest = count - items.length;
  const more = rest > 0 && first !== undefined ? [`    and ${rest} more: ${command(all, first)}`] : [];
  return [`  ${title}: ${count >= 1000 ? "1000 or more" : count}`, ...shown, ...more];
}

function itemLines(
  kind: AttentionKind,
  { item, now }: { readonly item: AttentionItem; readonly now: Date },
  command: ItemCommand,
): readonly string[] {
  const { name, id, workspace, detail, time } = item;
  const what = [workspace, name, id].filter((part) => part !== "").slice(0, 2);
  const when = factsOf(kind).ends ? whenText(time, now) : ageText(time, now);
  const head = [what.join(" "), when === "" ? "" : `(${when})`].filter((part) => part !== "").join(" ");
  const does = commandFor(kind, item, command);
  return [`    ${detail === "" ? head : `${head}: ${detail}`}`, ...(does === "" ? [] : [`      ${does}`])];
}
