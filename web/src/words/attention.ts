import { AttentionKind } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import type { Tone } from "../ui/status-badge.tsx";

interface AttentionWords {
  /** What of this kind needs somebody. */
  readonly title: string;
  readonly tone: Tone;
  /** The section that its items are in. */
  readonly section: "runs" | "ws" | "pools" | "agents" | "settings" | "";
}

const words: Readonly<Record<AttentionKind, AttentionWords>> = {
  [AttentionKind.UNSPECIFIED]: { title: "Something", tone: "wait", section: "" },
  [AttentionKind.LOST_APPLY]: { title: "Needs a decision after a lost apply", tone: "bad", section: "runs" },
  [AttentionKind.PLAN_TO_CONFIRM]: { title: "Needs confirmation", tone: "wait", section: "runs" },
  [AttentionKind.QUARANTINED_STATE]: { title: "State kept aside", tone: "bad", section: "ws" },
  [AttentionKind.POOL_WITHOUT_AGENTS]: { title: "Pool without agents", tone: "bad", section: "pools" },
  [AttentionKind.POOL_PAUSED]: { title: "Pool paused", tone: "wait", section: "pools" },
  [AttentionKind.AGENT_WARNING]: { title: "Agent warning", tone: "wait", section: "agents" },
  [AttentionKind.AGENT_TOKEN_ENDS]: { title: "Agent token ends", tone: "wait", section: "pools" },
  [AttentionKind.API_KEY_ENDS]: { title: "API key ends", tone: "wait", section: "settings" },
  [AttentionKind.CERTIFICATE_ENDS]: { title: "Certificate ends", tone: "wait", section: "settings" },
};

export const attentionWords = (kind: AttentionKind): AttentionWords => words[kind] ?? words[AttentionKind.UNSPECIFIED];
