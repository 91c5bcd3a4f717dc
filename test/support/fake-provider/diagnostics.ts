import type { MessageInitShape } from "@bufbuild/protobuf";
import { Diagnostic_Severity, type DiagnosticSchema } from "./gen/tfplugin6_pb.ts";
import { Failure } from "./kinds.ts";

type Diagnostic = MessageInitShape<typeof DiagnosticSchema>;

const step = (name: string) => ({ selector: { case: "attributeName", value: name } }) as const;

export const pathTo = (attribute: string) => ({ steps: [step(attribute)] });

/** What terraform shows of a failure: of an unforeseen one too. */
export function errors(error: unknown): Diagnostic[] {
  const severity = Diagnostic_Severity.ERROR;
  if (!(error instanceof Failure)) return [{ severity, summary: "The provider failed", detail: String(error) }];
  const { summary, message, attribute } = error;
  return [{ severity, summary, detail: message, ...(attribute === undefined ? {} : { attribute: pathTo(attribute) }) }];
}

export const warnings = (summaries: readonly string[]): Diagnostic[] =>
  summaries.map((summary) => ({ severity: Diagnostic_Severity.WARNING, summary, detail: "It works all the same." }));

/** Answers, or diagnostics instead. */
export async function diagnosed<Answer extends object>(
  answer: () => Answer | Promise<Answer>,
): Promise<Answer | { diagnostics: Diagnostic[] }> {
  try {
    return await answer();
  } catch (error) {
    return { diagnostics: errors(error) };
  }
}
