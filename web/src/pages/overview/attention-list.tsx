import { Link } from "wouter";
import type { Attention, AttentionItem, AttentionKind } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { usePath } from "../../app/organization.ts";
import { countText, shortId } from "../../ui/format.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { attentionWords } from "../../words/attention.ts";

/** What needs somebody, the most urgent first. */
export function AttentionList({ attention }: { readonly attention: readonly Attention[] }) {
  const rows = attention.flatMap(({ kind, items }) => items.map((item) => ({ kind, item })));
  const hidden = attention.reduce((sum, { count, items }) => sum + count - items.length, 0);
  return (
    <div className="panel divide-y divide-base-300" data-testid="needs-you">
      {rows.map(({ kind, item }) => (
        <Row key={`${kind} ${item.id} ${item.name}`} kind={kind} item={item} />
      ))}
      {hidden > 0 && <p className="quiet px-4 py-2 text-sm">and {countText(hidden, "more thing")}</p>}
    </div>
  );
}

function Row({ kind, item }: { readonly kind: AttentionKind; readonly item: AttentionItem }) {
  const path = usePath();
  const { title, tone, section } = attentionWords(kind);
  const name = item.workspace || item.name || shortId(item.id);
  const target =
    section === "ws"
      ? [item.workspace, "state"]
      : section === "runs" || section === "pools" || section === "agents"
        ? [item.id]
        : [];
  // The id of a token is no page; its pool's list is where it stands.
  const href =
    item.id.startsWith("atok_") || section === "settings" || section === ""
      ? path(section || "")
      : path(section, ...target);
  return (
    <Link
      href={href}
      className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2.5 text-sm hover:bg-base-200"
      data-testid="needs-you-item"
    >
      <span className="w-52 shrink-0">
        <StatusBadge tone={tone} text={title} />
      </span>
      <span className="font-medium">{name}</span>
      <span className="quiet min-w-0 grow basis-60 truncate" title={item.detail}>
        {item.detail}
      </span>
      <span className="quiet text-xs">
        <RelativeTime time={item.time} never="" />
      </span>
    </Link>
  );
}
