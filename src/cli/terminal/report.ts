import { escapedJson } from "../../lib/text/clean-text.ts";
import { type ExitName, exitCodes } from "../problems/exit.ts";
import type { Problem } from "../problems/problem.ts";
import { hintLines } from "./notes.ts";
import type { Output } from "./output.ts";
import { red, styled, type Text } from "./painted.ts";

/** The lines on stderr that tell a person what went wrong and what to do. */
export const problemLines = (
  { exit, message, details = [], hints }: Problem,
  out: Pick<Output, "fitted" | "columns">,
): readonly Text[] => [
  ...out.fitted([styled`${headings[exit] ?? red("Error:")} ${message}`, ...details.map((detail) => `  ${detail}`)]),
  ...hintLines(hints, out.columns),
];

/** Ends that are no errors. */
const headings: Readonly<Partial<Record<ExitName, string>>> = {
  interrupted: "Interrupted.",
  terminated: "Terminated.",
  stillWaiting: "Still waiting:",
};

/** The same for programs: one JSON object on one line. */
export const problemJson = ({
  exit,
  code,
  reason,
  message,
  details = [],
  metadata,
  hints,
  requestId,
}: Problem): string =>
  escapedJson(
    JSON.stringify({
      error: {
        code,
        reason,
        message,
        details: details.length === 0 ? undefined : details,
        metadata,
        hints: hints.map(({ command }) => command),
        requestId,
        exitCode: exitCodes[exit],
      },
    }),
  );
