import { Engine, ExecutionMode } from "../../../src/gen/windlass/v1/workspace_pb.ts";

interface ModeWords {
  readonly text: string;
  readonly about: string;
  /** As the command line client and the URL write it. */
  readonly flag: "remote" | "agent" | "local";
}

const remote: ModeWords = {
  text: "Remote",
  about: "Runs on the server agent, inside the control plane.",
  flag: "remote",
};

const modes: Readonly<Record<ExecutionMode, ModeWords>> = {
  [ExecutionMode.UNSPECIFIED]: remote,
  [ExecutionMode.REMOTE]: remote,
  [ExecutionMode.AGENT]: { text: "Agent", about: "Runs on the agents of a pool.", flag: "agent" },
  [ExecutionMode.LOCAL]: { text: "Local", about: "Stores state only; runs happen elsewhere.", flag: "local" },
};

export const modeWords = (mode: ExecutionMode): ModeWords => modes[mode] ?? remote;

export const executionModes: readonly ExecutionMode[] = [
  ExecutionMode.REMOTE,
  ExecutionMode.AGENT,
  ExecutionMode.LOCAL,
];

/** The mode of a flag; a flag that there is not is none. */
export const modeOf = (flag: string): ExecutionMode =>
  executionModes.find((mode) => modeWords(mode).flag === flag) ?? ExecutionMode.UNSPECIFIED;

export const engineText = (engine: Engine): string => (engine === Engine.TOFU ? "OpenTofu" : "Terraform");
export const engineFlag = (engine: Engine): "terraform" | "tofu" => (engine === Engine.TOFU ? "tofu" : "terraform");
export const engineOf = (flag: string): Engine =>
  flag === "tofu" ? Engine.TOFU : flag === "terraform" ? Engine.TERRAFORM : Engine.UNSPECIFIED;
