import { useState } from "react";
import { Link } from "wouter";
import type { Agent } from "../../../../src/gen/windlass/v1/agent_pb.ts";
import { AgentService } from "../../../../src/gen/windlass/v1/agent_service_pb.ts";
import type { KeptDirectory } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { bytesText, shortId } from "../../ui/format.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";

/** Directories of jobs that are over and from which something could not be delivered; nothing if there are none. */
export function KeptDirectories({ agent }: { readonly agent: Agent }) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const lack = useLack(Permission.OPERATE);
  const [asked, setAsked] = useState<KeptDirectory>();
  const remove = useCall(AgentService.method.removeKeptDirectories, ["GetAgent", "ListAgents"]);
  if (agent.keptDirectories.length === 0 && asked === undefined) return null;
  const askedNow = agent.keptDirectories.find(({ jobId }) => jobId === asked?.jobId);
  return (
    <Section
      title="Kept directories"
      lead="Jobs that are over, from which something could not be delivered: the directory may hold the only copy."
    >
      <ul className="panel divide-y divide-base-300 text-sm" data-testid="kept-directories">
        {agent.keptDirectories.map((kept) => (
          <li
            key={`${kept.jobId} ${kept.epoch}`}
            className="flex flex-wrap items-start justify-between gap-3 px-4 py-3"
          >
            <div className="min-w-0 space-y-0.5">
              <p>
                <Link href={path("runs", kept.runId)} className="font-mono text-xs underline-offset-2 hover:underline">
                  {shortId(kept.runId)}
                </Link>{" "}
                of {kept.workspace}: {kept.reason}
              </p>
              <p className="quiet break-all font-mono text-xs">{kept.path}</p>
              <p className="quiet text-xs">
                {bytesText(kept.sizeBytes)}, kept <RelativeTime time={kept.keepTime} />
              </p>
            </div>
            <ActionButton
              size="xs"
              onClick={() => setAsked(kept)}
              testId="remove-kept"
              disabledReason={lack ?? (kept.removing ? "The agent is removing it" : undefined)}
            >
              Remove
            </ActionButton>
          </li>
        ))}
      </ul>
      {asked !== undefined && (
        <ConfirmDialog
          title="Remove the directory?"
          action="Remove"
          typed={{ what: "workspace", name: asked.workspace }}
          cli={`windlass agent remove-kept ${shellWord(agent.name)} ${shellWord(asked.jobId)}${orgFlag}`}
          refusal={
            askedNow === undefined ? "It is gone by now." : askedNow.removing ? "The agent is removing it." : undefined
          }
          onConfirm={() => remove({ agent: agent.id, jobIds: [asked.jobId] })}
          onClose={() => setAsked(undefined)}
          testId="remove-kept-dialog"
        >
          <p>What only this directory holds is lost, perhaps a state: {asked.reason}</p>
        </ConfirmDialog>
      )}
    </Section>
  );
}
