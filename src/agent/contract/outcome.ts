/** Why an agent ended; whoever started it decides what that means for its process. */
export type AgentOutcome =
  /** It was told to leave, and everything it had is done and acknowledged. */
  | { readonly kind: "drained" }
  /** It was disposed; what its jobs started goes on, and the next start takes it up again. */
  | { readonly kind: "stopped" }
  /** Another version is to be started in its place; what its jobs started goes on. */
  | { readonly kind: "switching"; readonly detail: string }
  /** It has not proved itself in its trial: the version before it goes on. */
  | { readonly kind: "given_up"; readonly detail: string }
  | { readonly kind: "token_rejected"; readonly detail: string }
  | { readonly kind: "version_refused"; readonly detail: string }
  | { readonly kind: "deleted"; readonly detail: string }
  /** Its data directory cannot be used: another process has it, or it cannot be written. */
  | { readonly kind: "directory_unusable"; readonly detail: string }
  /** The sandbox that it was told to use does not work here. */
  | { readonly kind: "sandbox_unusable"; readonly detail: string }
  /** A fault of the agent itself. */
  | { readonly kind: "failed"; readonly detail: string };
