import { useState } from "react";
import { useLocation } from "wouter";
import { type Agent, AgentStatus } from "../../../../src/gen/windlass/v1/agent_pb.ts";
import { AgentService } from "../../../../src/gen/windlass/v1/agent_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { countText } from "../../ui/format.ts";
import { agentStatusWords, isConnected } from "../../words/agent-status.tsx";

type AgentAction = "pause" | "resume" | "drain" | "delete";

/** Why each action is off; undefined if it is on. */
export function offReasons(agent: Agent): Readonly<Record<AgentAction, string | undefined>> {
  const gone = agent.status === AgentStatus.EXITED ? "It has exited" : undefined;
  const { text } = agentStatusWords(agent.status);
  const server = agent.serverAgent ? "It is the server agent, a part of windlassd" : undefined;
  return {
    pause: gone ?? (agent.draining ? "It is draining" : agent.paused ? "It is paused already" : undefined),
    resume: gone ?? (agent.paused || agent.draining ? undefined : "It is neither paused nor draining"),
    drain: server ?? gone ?? (agent.draining ? "It is draining already" : undefined),
    delete: server ?? (isConnected(agent) ? `It is ${text.toLowerCase()}: drain it or stop it first` : undefined),
  };
}

const stale = ["GetAgent", "ListAgents", "GetAgentPoolOverview"];

/** What can be done with an agent. */
export function AgentActions({ agent }: { readonly agent: Agent }) {
  const [asks, setAsks] = useState<AgentAction>();
  const lack = useLack(Permission.OPERATE);
  const off = offReasons(agent);
  const mayResume = agent.paused || agent.draining;
  return (
    <>
      {mayResume ? (
        <ActionButton onClick={() => setAsks("resume")} testId="resume-agent" disabledReason={lack ?? off.resume}>
          Resume
        </ActionButton>
      ) : (
        <ActionButton onClick={() => setAsks("pause")} testId="pause-agent" disabledReason={lack ?? off.pause}>
          Pause
        </ActionButton>
      )}
      <ActionButton onClick={() => setAsks("drain")} testId="drain-agent" disabledReason={lack ?? off.drain}>
        Drain
      </ActionButton>
      <ActionButton onClick={() => setAsks("delete")} testId="delete-agent" disabledReason={lack ?? off.delete}>
        Delete
      </ActionButton>
      {asks !== undefined && <AgentDialog agent={agent} action={asks} onClose={() => setAsks(undefined)} />}
    </>
  );
}

interface AgentDialogProps {
  readonly agent: Agent;
  readonly action: AgentAction;
  readonly onClose: () => void;
}

const titles: Readonly<Record<AgentAction, string>> = {
  pause: "Pause",
  resume: "Resume",
  drain: "Drain",
  delete: "Delete",
};

function aboutOf(agent: Agent, action: AgentAction): string {
  const jobs =
    agent.jobIds.length === 0
      ? "It has no job right now."
      : `Its ${countText(agent.jobIds.length, "job")} will finish.`;
  switch (action) {
    case "pause":
      return `It gets no new jobs until it is resumed. ${jobs}`;
    case "resume":
      return "It takes jobs again.";
    case "drain":
      return `It gets no new jobs, and its program ends when it is idle. ${jobs}`;
    case "delete":
      return "It is forgotten, with its history. If it comes back it registers anew.";
  }
}

function AgentDialog({ agent, action, onClose }: AgentDialogProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const [reason, setReason] = useState("");
  const pause = useCall(AgentService.method.pauseAgent, stale);
  const resume = useCall(AgentService.method.resumeAgent, stale);
  const drain = useCall(AgentService.method.drainAgent, stale);
  // The event that it is gone takes it out of lists: this page is left at once, before it asks for what is gone.
  const remove = useCall(AgentService.method.deleteAgent);
  const takesReason = action === "pause" || action === "drain";
  const act = async (): Promise<void> => {
    const named = { agent: agent.id };
    if (action === "pause") await pause({ ...named, reason });
    else if (action === "resume") await resume(named);
    else if (action === "drain") await drain({ ...named, reason });
    else {
      await remove(named);
      navigate(path("agents"), { replace: true });
    }
  };
  const said = takesReason && reason !== "" ? ` --reason ${shellWord(reason)}` : "";
  return (
    <ConfirmDialog
      title={`${titles[action]} ${agent.name}?`}
      action={titles[action]}
      tone={action === "delete" ? "danger" : "primary"}
      refusal={offReasons(agent)[action]}
      cli={`windlass agent ${action} ${shellWord(agent.name)}${said}${orgFlag}`}
      onConfirm={act}
      onClose={onClose}
      testId={`${action}-agent-dialog`}
    >
      <p>{aboutOf(agent, action)}</p>
      {takesReason && (
        <Field
          label="Reason"
          value={reason}
          onChange={setReason}
          hint="Shown with the agent, and to everybody whose runs wait for it."
          testId="agent-reason"
        />
      )}
    </ConfirmDialog>
  );
}
