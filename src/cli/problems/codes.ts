import type { Code } from "@connectrpc/connect";
import type { ExitName } from "./exit.ts";
import type { Hint } from "./problem.ts";

/** Makes a command of this program that acts where the failed one did. */
export type CommandText = (text: string) => string;

interface CodeMeaning {
  /** The gRPC name. */
  readonly name: string;
  readonly exit: ExitName;
  /** Next steps when the error carries no reason that knows better. */
  readonly hints: (command: CommandText) => readonly Hint[];
}

const address = (command: CommandText): Hint => ({
  label: "Check the address",
  command: command("context show --origin"),
});
const server = (command: CommandText): Hint => ({ label: "Check the server", command: command("status") });
const usage: Hint = { label: "Help", command: "windlass --help" };
const whoami = (command: CommandText): Hint => ({ label: "See who you are", command: command("whoami") });
const again = (command: CommandText): readonly Hint[] => [server(command)];
const versions = (command: CommandText): readonly Hint[] => [
  server(command),
  { label: "Compare versions", command: "windlass version" },
];

/** The single table from gRPC codes to exit codes; keyed by Connect's numbers, which are gRPC's. */
export const codeMeanings: Readonly<Record<Code, CodeMeaning>> = {
  1: { name: "CANCELLED", exit: "failed", hints: again },
  2: { name: "UNKNOWN", exit: "failed", hints: again },
  3: { name: "INVALID_ARGUMENT", exit: "usage", hints: () => [usage] },
  4: {
    name: "DEADLINE_EXCEEDED",
    exit: "unreachable",
    hints: (command) => [server(command), { label: "Wait longer", command: "export WINDLASS_TIMEOUT=2m" }],
  },
  5: { name: "NOT_FOUND", exit: "notFound", hints: again },
  6: { name: "ALREADY_EXISTS", exit: "conflict", hints: again },
  7: { name: "PERMISSION_DENIED", exit: "notAllowed", hints: (command) => [whoami(command)] },
  8: { name: "RESOURCE_EXHAUSTED", exit: "failed", hints: again },
  9: { name: "FAILED_PRECONDITION", exit: "conflict", hints: again },
  10: { name: "ABORTED", exit: "conflict", hints: again },
  11: { name: "OUT_OF_RANGE", exit: "usage", hints: () => [usage] },
  12: { name: "UNIMPLEMENTED", exit: "failed", hints: versions },
  13: { name: "INTERNAL", exit: "failed", hints: versions },
  14: { name: "UNAVAILABLE", exit: "unreachable", hints: (command) => [address(command), server(command)] },
  15: { name: "DATA_LOSS", exit: "failed", hints: again },
  16: {
    name: "UNAUTHENTICATED",
    exit: "notAllowed",
    hints: (command) => [{ label: "Log in", command: "windlass login" }, address(command)],
  },
};
