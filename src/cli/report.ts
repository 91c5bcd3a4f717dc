import { type ExitName, exitCodes } from "./exit.ts";
import { hintLines } from "./notes.ts";
import type { Problem } from "./problem.ts";
import { safeText } from "./table.ts";
import type { Colors } from "./terminal.ts";

/** The lines on stderr that tell a person what went wrong and what to do. */
export const problemLines = ({ exit, message, hints }: Problem, { red }: Pick<Colors, "red">): readonly string[] => [
  `${headings[exit] ?? red("Error:")} ${safeText(message)}`,
  ...hintLines(hints),
];

/** Ends that are no errors. */
const headings: Readonly<Partial<Record<ExitName, string>>> = {
  interrupted: "Interrupted:",
  stillWaiting: "Still waiting:",
};

/** The same for programs: one JSON object on one line. */
export const problemJson = ({ exit, code, reason, message, metadata, hints, requestId }: Problem): string =>
  JSON.stringify({
    error: {
      code,
      reason,
      message,
      metadata,
      hints: hints.map(({ command }) => command),
      requestId,
      exitCode: exitCodes[exit],
    },
  });
