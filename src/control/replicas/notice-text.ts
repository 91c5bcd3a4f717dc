import { isId } from "../../lib/words/ids.ts";
import type { ChangedKind, RowChange } from "../../store/ports/change-feed.ts";

/** What one replica tells the others. */
export interface Notice {
  /** Id of the replica. */
  readonly from: string;
  /** What was notified there. */
  readonly topics: readonly string[];
  /** What was committed there. */
  readonly changes: readonly RowChange[];
  /** More has happened there than is told: everything may be otherwise. */
  readonly isAll: boolean;
}

const kinds: readonly ChangedKind[] = ["run", "workspace", "pool", "agent", "token"];

/** A change as a list: kind, id, organization, name. */
const listOf = ({ kind, id, organizationId, name }: RowChange) => [
  ...[kind, id, organizationId],
  ...(name === undefined ? [] : [name]),
];

/** A notice in as many texts as it takes; undefined if these are more than `most`. */
export function noticeTexts(
  { from, topics, changes, isAll }: Notice,
  { maxBytes, most }: { readonly maxBytes: number; readonly most: number },
): readonly string[] | undefined {
  if (isAll) return [JSON.stringify({ f: from, a: 1 })];
  const items = [
    ...topics.map((topic) => ["t", topic] as const),
    ...changes.map((change) => ["c", listOf(change)] as const),
  ];
  const texts: string[] = [];
  let part: { readonly f: string; readonly t: unknown[]; readonly c: unknown[] } = { f: from, t: [], c: [] };
  const empty = Buffer.byteLength(JSON.stringify(part));
  let bytes = empty;
  for (const [list, item] of items) {
    const more = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (bytes + more > maxBytes) {
      texts.push(JSON.stringify(part));
      part = { f: from, t: [], c: [] };
      bytes = empty;
    }
    part[list].push(item);
    bytes += more;
    if (texts.length >= most || empty + more > maxBytes) return undefined;
  }
  return [...texts, JSON.stringify(part)];
}

/** What a text says; undefined for what no replica of this version or a neighbouring one has sent. */
export function readNotice(text: string): Notice | undefined {
  const told = fieldsOf(text);
  if (told === undefined || typeof told.f !== "string") return undefined;
  const lists = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  const changes = lists(told.c).map(changeOf);
  return {
    from: told.f,
    topics: lists(told.t).filter((topic) => typeof topic === "string"),
    changes: changes.filter((change) => change !== undefined),
    // A change that is not understood may be any.
    isAll: told.a === 1 || changes.includes(undefined),
  };
}

function fieldsOf(
  text: string,
): { readonly f?: unknown; readonly t?: unknown; readonly c?: unknown; readonly a?: unknown } | undefined {
  try {
    const told: unknown = JSON.parse(text);
    return typeof told === "object" && told !== null ? told : undefined;
  } catch {
    return undefined;
  }
}

function changeOf(told: unknown): RowChange | undefined {
  if (!Array.isArray(told)) return undefined;
  const [kind, id, organizationId, name]: readonly unknown[] = told;
  const known = kinds.find((one) => one === kind);
  if (known === undefined || typeof id !== "string") return undefined;
  const isOwned = typeof organizationId === "string" && isId("org", organizationId);
  if (!isOwned && organizationId !== null) return undefined;
  const owner = isOwned ? organizationId : null;
  return { kind: known, id, organizationId: owner, ...(typeof name === "string" ? { name } : {}) };
}
