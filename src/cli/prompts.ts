import type { Context } from "./context.ts";
import { Interrupted } from "./io.ts";
import { CliError, usageError } from "./problem.ts";

type Prompts = typeof import("@clack/prompts");
type Streams = NonNullable<Parameters<Prompts["text"]>[0]>;
type PromptStreams = Required<Pick<Streams, "input" | "output" | "signal">>;

/** Streams and signal for one question: questions stand on stderr, stdout is for answers. */
const streamsOf = ({ io }: Context, signal: AbortSignal = io.signal): PromptStreams => ({
  input: io.stdin.stream,
  output: io.stderr.stream,
  signal,
});

/** Asks before something that cannot be undone. With `--yes` it goes on; without a person to ask it refuses. */
export async function confirmOrStop(context: Context, question: string): Promise<void> {
  if (context.globals.yes === true) return;
  refuseWithoutPerson(context, question);
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: question, initialValue: false, ...streamsOf(context) });
  if (isCancel(answer)) throw new Interrupted();
  if (!answer) throw stopped();
}

/** Asks for the name of the thing to be typed, before something that destroys. */
export async function confirmByName(context: Context, question: string, name: string): Promise<void> {
  if (context.globals.yes === true) return;
  refuseWithoutPerson(context, question);
  const { text, isCancel } = await import("@clack/prompts");
  const answer = await text({ message: `${question} Type ${name} to go on`, ...streamsOf(context) });
  if (isCancel(answer)) throw new Interrupted();
  if (answer !== name) throw stopped();
}

/** Asks for a secret without showing it. */
export async function askSecret(context: Context, message: string): Promise<string> {
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message, ...streamsOf(context) });
  if (isCancel(answer)) throw new Interrupted();
  return answer.trim();
}

/** What a person says about a plan; `gone` if the signal ended the question. */
export type Decision = "yes" | "no" | "later" | "gone";

/** Asks whether a plan should be applied. A destroying one wants the workspace's name typed instead of a yes. */
export async function askDecision(
  context: Context,
  { question, destroys }: { readonly question: string; readonly destroys: string | undefined },
  signal: AbortSignal,
): Promise<Decision> {
  const { select, text, isCancel } = await import("@clack/prompts");
  const streams = streamsOf(context, AbortSignal.any([signal, context.io.signal]));
  const options = [
    { value: "yes" as const, label: "yes", hint: "apply exactly this plan" },
    { value: "no" as const, label: "no", hint: "discard it" },
    { value: "later" as const, label: "later", hint: "leave it waiting" },
  ];
  const answer = await select<Decision>({ message: question, options, initialValue: "later", ...streams });
  if (isCancel(answer)) return gone(signal);
  if (answer !== "yes" || destroys === undefined) return answer;
  const typed = await text({ message: `This destroys resources. Type ${destroys} to go on`, ...streams });
  if (isCancel(typed)) return gone(signal);
  return typed === destroys ? "yes" : "later";
}

function gone(signal: AbortSignal): Decision {
  if (signal.aborted) return "gone";
  throw new Interrupted();
}

function refuseWithoutPerson(context: Context, question: string): void {
  if (!context.isInteractive) throw usageError(`${question} Nobody can be asked here: add --yes`);
}

const stopped = (): CliError => new CliError("failed", "nothing was changed: the question was answered with no");
