/** How a job's processes are kept apart from the machine. */
export type SandboxKind = "none";

/** Everything an agent is told when it starts; `cmd` checks it first. */
export interface AgentConfig {
  /** Belongs to this agent alone; it is locked. */
  readonly dataDir: string;
  /** Directory of the links through which terraform sees its work: the same path on every machine of a pool. */
  readonly workRoot: string;
  /** Name for people; absent is `<hostname>-<4 characters>`, kept in the data directory. */
  readonly name?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How many jobs it runs at once. */
  readonly concurrency: number;
  /** Version of the program, for people. */
  readonly version: string;
  /** True for the agent inside the control plane. */
  readonly isServerAgent: boolean;
  /** A terraform or tofu program to use before any on `searchPath`. */
  readonly enginePath?: string;
  /** Where programs are looked for, in the form of PATH. */
  readonly searchPath: string;
  readonly sandbox: SandboxKind;
  /** With less free space than this, no job is taken. */
  readonly minFreeBytes: number;
}

export const defaultWorkRoot = "/tmp/windlass-work";
export const defaultMinFreeBytes = 64 * 1024 * 1024;

/** The protocol this agent speaks. */
export const protocol = { minimum: 1, maximum: 1 } as const;
