import { useQuery } from "@connectrpc/connect-query";
import type { StateDifference } from "../../../../src/gen/windlass/v1/state_pb.ts";
import { StateService } from "../../../../src/gen/windlass/v1/state_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { Section } from "../../ui/blocks/section.tsx";
import { CliLine } from "../../ui/cli-line.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { countText } from "../../ui/format.ts";
import { Pagination } from "../../ui/pagination.tsx";
import { useUrlState } from "../../ui/url-state.ts";

interface StateDifferenceProps {
  readonly fromId: string;
  readonly toId: string;
  readonly title: string;
}

/** How a state differs from another one, without values: states hold secrets that nobody has marked. */
export function StateDifferenceSection({ fromId, toId, title }: StateDifferenceProps) {
  const [page, setPage] = useUrlState("difference");
  const { data, error, refetch } = useQuery(StateService.method.diffStates, {
    fromStateVersionId: fromId,
    toStateVersionId: toId,
    pageToken: page,
  });
  const difference = data?.difference;
  return (
    <Section
      title={title}
      lead="Which attributes differ, without their values: states hold secrets that nobody has marked."
    >
      {error !== null && (
        <ErrorNote error={error} what="The states could not be compared" retry={() => void refetch()} />
      )}
      {difference !== undefined && <Differences difference={difference} />}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
      <CliLine command={`windlass state diff ${shellWord(fromId)} ${shellWord(toId)}${useOrgFlag()}`} />
    </Section>
  );
}

interface Row {
  readonly symbol: string;
  readonly word: string;
  readonly colour: string;
  readonly text: string;
  readonly detail?: string;
}

const rowsOf = ({ added, removed, changed, outputs }: StateDifference): readonly Row[] => [
  ...removed.map((text): Row => ({ symbol: "−", word: "removed", colour: "text-error", text })),
  ...added.map((text): Row => ({ symbol: "+", word: "added", colour: "text-success", text })),
  ...changed.map(({ address, attributes, attributesLeftOut }): Row => {
    const more = attributesLeftOut === 0 ? "" : ` and ${countText(attributesLeftOut, "more", "more")}`;
    return {
      symbol: "~",
      word: "changed",
      colour: "text-warning",
      text: address,
      detail: `${attributes.join(", ")}${more}`,
    };
  }),
  ...outputs.map((text): Row => ({ symbol: "~", word: "output", colour: "text-info", text })),
];

function Differences({ difference }: { readonly difference: StateDifference }) {
  const rows = rowsOf(difference);
  if (rows.length === 0) return <p className="panel quiet px-4 py-3 text-sm">No resource and no output differs.</p>;
  return (
    <ul className="panel divide-y divide-base-300 text-sm" data-testid="state-difference">
      {rows.map(({ symbol, word, colour, text, detail }) => (
        <li key={`${word} ${text}`} className="flex flex-wrap items-baseline gap-x-3 px-4 py-1.5">
          <span className={`w-20 shrink-0 ${colour}`}>
            <span aria-hidden="true" className="font-mono">
              {symbol}
            </span>{" "}
            {word}
          </span>
          <span className="min-w-0 break-all font-mono text-xs">{text}</span>
          {detail !== undefined && <span className="quiet min-w-0 break-words font-mono text-xs">{detail}</span>}
        </li>
      ))}
    </ul>
  );
}
