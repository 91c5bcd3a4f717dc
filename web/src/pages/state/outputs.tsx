import { useQuery } from "@connectrpc/connect-query";
import type { Output } from "../../../../src/gen/windlass/v1/state_pb.ts";
import { StateService } from "../../../../src/gen/windlass/v1/state_service_pb.ts";
import { prettyJson } from "../../plan/pretty-json.ts";
import { CodeBlock } from "../../ui/blocks/code-block.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { bytesText } from "../../ui/format.ts";
import { Pagination } from "../../ui/pagination.tsx";
import { useUrlState } from "../../ui/url-state.ts";

/** The outputs of a state. Sensitive ones never reach the browser. */
export function Outputs({ stateVersionId }: { readonly stateVersionId: string }) {
  const [page, setPage] = useUrlState("outputs");
  const { data, error, refetch } = useQuery(StateService.method.getOutputs, { stateVersionId, pageToken: page });
  return (
    <Section title="Outputs">
      {error !== null && <ErrorNote error={error} what="The outputs could not be read" retry={() => void refetch()} />}
      {data !== undefined && data.outputs.length === 0 && (
        <p className="panel quiet px-4 py-3 text-sm">The state has no outputs.</p>
      )}
      {data !== undefined && data.outputs.length > 0 && (
        <dl className="panel divide-y divide-base-300 text-sm" data-testid="outputs">
          {data.outputs.map((output) => (
            <div key={output.name} className="grid gap-1 px-4 py-2 sm:grid-cols-[14rem_minmax(0,1fr)] sm:gap-4">
              <dt className="break-all font-mono text-xs leading-5">{output.name}</dt>
              <dd className="min-w-0">
                <OutputValue output={output} />
              </dd>
            </div>
          ))}
        </dl>
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </Section>
  );
}

const inlineLength = 80;

function OutputValue({ output: { sensitive, valueJson, valueBytes } }: { readonly output: Output }) {
  if (sensitive) return <span className="quiet">sensitive: not shown</span>;
  if (valueJson === "") return <span className="quiet">{bytesText(valueBytes)}: too long to be shown here</span>;
  if (valueJson.length > inlineLength) return <CodeBlock text={prettyJson(valueJson)} what="value" />;
  return <code className="break-words font-mono text-xs">{valueJson}</code>;
}
