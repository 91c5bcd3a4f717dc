import { useQuery } from "@connectrpc/connect-query";
import type { ReactNode } from "react";
import type { Run } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { CliLine } from "../../ui/cli-line.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { countText } from "../../ui/format.ts";
import { AlertIcon } from "../../ui/icons.tsx";

/** What went wrong, and what somebody has to look at by hand. */
export function Trouble({ run }: { readonly run: Run }) {
  return (
    <>
      {run.warnings.map((warning) => (
        <Notice key={warning} tone="warning">
          <p className="break-words">{warning}</p>
        </Notice>
      ))}
      {run.deniedBy !== "" && (
        <Notice tone="warning">
          <p className="break-words">
            The hook <code className="font-mono text-xs">{run.deniedBy}</code> of its agent has denied this plan. Its
            log says why. Only an owner may confirm it all the same.
          </p>
        </Notice>
      )}
      {run.errorMessage !== "" && (
        <Notice tone="error">
          <p className="whitespace-pre-wrap break-words" data-testid="run-error">
            {run.errorMessage}
          </p>
        </Notice>
      )}
      {run.inFlight.length > 0 && <InFlight run={run} />}
      {run.lostCount > 0 && <Lost run={run} />}
      {run.keptDirectories.map(({ jobId, agent, path, reason }) => (
        <Notice key={jobId} tone="warning">
          <p className="break-words">
            Files stay on {agent}, in <code className="font-mono text-xs">{path}</code>: {reason}
          </p>
        </Notice>
      ))}
    </>
  );
}

function Notice({ tone, children }: { readonly tone: "warning" | "error"; readonly children: ReactNode }) {
  const look = tone === "error" ? "border-error/40 bg-error/5" : "border-warning/40 bg-warning/8";
  return (
    <section className={`flex gap-3 rounded-box border px-4 py-3 text-sm ${look}`}>
      <span className={tone === "error" ? "text-error" : "text-warning"}>
        <AlertIcon />
      </span>
      <div className="min-w-0 grow space-y-2">{children}</div>
    </section>
  );
}

/** Changes that had begun and did not end: the objects may differ from what the state says. */
function InFlight({ run }: { readonly run: Run }) {
  return (
    <Notice tone="warning">
      <p className="font-medium">
        Unknown: {countText(run.inFlight.length, "change")} had begun and did not end. Look at these by hand.
      </p>
      <ul className="space-y-1" data-testid="in-flight">
        {run.inFlight.map(({ address, action, idKey, id, note }) => (
          <li key={address} className="break-words">
            <code className="font-mono text-xs">{address}</code>
            <span className="quiet">
              {" "}
              {[action, idKey === "" ? "" : `${idKey}=${id}`, note].filter(Boolean).join(" · ")}
            </span>
          </li>
        ))}
      </ul>
    </Notice>
  );
}

/** What the apply had finished, and the last state does not have as it should. */
function Lost({ run }: { readonly run: Run }) {
  const orgFlag = useOrgFlag();
  const { data, error } = useQuery(RunService.method.listLostResources, { runId: run.id, pageSize: 200 });
  const lost = data?.lostResources ?? run.lost;
  return (
    <Notice tone="warning">
      <p className="font-medium">
        {countText(run.lostCount, "resource")} were finished and are not in the state as they should be.
      </p>
      {error !== null && <ErrorNote error={error} what="They could not all be read" />}
      <ul className="space-y-1" data-testid="lost">
        {lost.map(({ address, note, id, idKey }) => (
          <li key={address} className="break-words">
            <code className="font-mono text-xs">{address}</code>
            {id !== "" && (
              <code className="font-mono text-xs">
                {" "}
                {idKey}={id}
              </code>
            )}
            <span className="quiet"> {note}</span>
          </li>
        ))}
      </ul>
      <CliLine command={`windlass run lost ${shellWord(run.id)} -o hcl${orgFlag}`} testId="lost-cli" />
    </Notice>
  );
}
