import { useState } from "react";
import type { AgentToken } from "../../../../src/gen/windlass/v1/agent_token_pb.ts";
import { AgentTokenService } from "../../../../src/gen/windlass/v1/agent_token_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { CheckField } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { type Overlap, OverlapField, overlapDuration } from "../../ui/forms/overlap-field.tsx";
import { NewTokenShown } from "./new-token-shown.tsx";

const stale = ["ListAgentTokens", "GetAgentPoolOverview", "ListAgents"];

/** What can be done with a token. */
export function TokenActions({ token }: { readonly token: AgentToken }) {
  const [open, setOpen] = useState<"rotate" | "revoke">();
  const lack = useLack(Permission.OPERATE);
  const over = token.active ? undefined : "It has ended already";
  const replaced = token.replacedBy === "" ? undefined : `${token.replacedBy} replaces it already`;
  const trust = token.trust === undefined ? undefined : "It is a trust in an issuer, and has no secret";
  const close = () => setOpen(undefined);
  return (
    <span className="inline-flex gap-1.5">
      <ActionButton
        size="xs"
        onClick={() => setOpen("rotate")}
        testId="rotate-token"
        disabledReason={lack ?? over ?? replaced ?? trust}
      >
        Rotate
      </ActionButton>
      <ActionButton size="xs" onClick={() => setOpen("revoke")} testId="revoke-token" disabledReason={lack ?? over}>
        Revoke
      </ActionButton>
      {open === "rotate" && <RotateTokenDialog token={token} onClose={close} />}
      {open === "revoke" && <RevokeTokenDialog token={token} onClose={close} />}
    </span>
  );
}

interface TokenDialogProps {
  readonly token: AgentToken;
  readonly onClose: () => void;
}

/** Replaces a token: the new secret is shown once, and the old one goes on for a while. */
function RotateTokenDialog({ token, onClose }: TokenDialogProps) {
  const attempt = useAttempt();
  const orgFlag = useOrgFlag();
  const rotateAgentToken = useCall(AgentTokenService.method.rotateAgentToken, stale);
  const [overlap, setOverlap] = useState<Overlap>("1h");
  const [made, setMade] = useState<{ readonly token: AgentToken; readonly secret: string }>();
  const rotate = () =>
    attempt.run(async () => {
      const answer = await rotateAgentToken({ agentTokenId: token.id, overlap: overlapDuration(overlap) });
      if (answer.agentToken !== undefined) setMade({ token: answer.agentToken, secret: answer.secret });
    });
  if (made !== undefined)
    return <NewTokenShown pool={token.agentPool} token={made.token} secret={made.secret} onClose={onClose} />;
  return (
    <FormDialog
      title={`Rotate ${token.description || token.prefix}`}
      action="Rotate"
      attempt={attempt}
      failed="The token was not rotated"
      onSubmit={() => void rotate()}
      onClose={onClose}
      cli={`windlass token rotate ${shellWord(token.id)} --grace ${overlap}${orgFlag}`}
      testId="rotate-token-dialog"
    >
      <p>
        A new token takes its place, and its secret is shown once. Write it into the token file of each agent: running
        jobs do not notice.
      </p>
      <OverlapField value={overlap} onChange={setOverlap} />
      <Touched token={token} />
    </FormDialog>
  );
}

function RevokeTokenDialog({ token, onClose }: TokenDialogProps) {
  const orgFlag = useOrgFlag();
  const revokeAgentToken = useCall(AgentTokenService.method.revokeAgentToken, stale);
  const [stopJobs, setStopJobs] = useState(false);
  return (
    <ConfirmDialog
      title={`Revoke ${token.description || token.prefix || token.id}?`}
      action={stopJobs ? "Revoke and stop jobs" : "Revoke"}
      cli={`windlass token revoke ${shellWord(token.id)}${stopJobs ? " --stop" : ""}${orgFlag}`}
      onConfirm={() => revokeAgentToken({ agentTokenId: token.id, stopJobs })}
      onClose={onClose}
      testId="revoke-token-dialog"
    >
      <p>It ends at once, and cannot be taken back. Agents that use it are disconnected and cannot register again.</p>
      <Touched token={token} />
      <CheckField
        label="Also stop the jobs that its agents run"
        hint={
          stopJobs
            ? "For a suspected theft: the jobs are canceled, states they still send are put aside, and their workspaces stay locked."
            : "Otherwise running jobs finish on their own credentials, and their states are kept as always."
        }
        isChecked={stopJobs}
        onChange={setStopJobs}
        testId="stop-jobs"
      />
    </ConfirmDialog>
  );
}

/** Which agents use a token. */
function Touched({ token: { agents } }: { readonly token: AgentToken }) {
  if (agents.length === 0) return <p className="quiet text-sm">No agent that is listed has registered with it.</p>;
  return (
    <p className="text-sm" data-testid="touched-agents">
      Agents that registered with it last: <span className="font-medium">{agents.join(", ")}</span>
      {agents.length === 10 && " and perhaps more"}.
    </p>
  );
}
