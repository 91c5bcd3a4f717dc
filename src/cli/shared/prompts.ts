import { cleanLines, oneLine } from "../../lib/text/clean-text.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { Interrupted } from "../terminal/io.ts";
import { questionStreams } from "../terminal/output.ts";
import { TypedAnswers } from "../terminal/typed-answers.ts";

/** Streams and signal for one question: questions stand on stderr, stdout is for answers. */
const streamsOf = ({ io }: Context, signal: AbortSignal = io.signal) => ({ ...questionStreams(io), signal });

/** The same, where a word can be typed for each option. */
function wordStreams(context: Context, words: readonly string[], signal: AbortSignal) {
  const { input, output } = questionStreams(context.io);
  const initial = words.length - 1;
  return { input: new TypedAnswers(input, { words, initial, clock: context.io.clock, signal }), output, signal };
}

/** A question, or how to look first at what it is about; undefined asks nothing, because the server will refuse. */
type Question = string | (() => Promise<string | undefined>);

/** Asks before something that cannot be undone. With `--yes` it goes on; without a person to ask it refuses. */
export async function confirmOrStop(context: Context, asked: Question): Promise<void> {
  if (context.globals.yes === true) return;
  const question = typeof asked === "string" ? asked : await asked();
  if (question === undefined) return;
  refuseWithoutPerson(context, question);
  const { confirm, isCancel } = await import("@clack/prompts");
  const streams = wordStreams(context, ["yes", "no"], context.io.signal);
  using _keys = streams.input;
  const answer = await confirm({ message: cleanLines(question), initialValue: false, ...streams });
  if (isCancel(answer)) throw new Interrupted();
  if (!answer) throw stopped();
}

/** Asks for the name of the thing to be typed, before something that destroys. */
export async function confirmByName(context: Context, question: string, name: string): Promise<void> {
  if (context.globals.yes === true) return;
  refuseWithoutPerson(context, question);
  const { text, isCancel } = await import("@clack/prompts");
  const answer = await text({ message: oneLine(`${question} Type ${name} to go on`), ...streamsOf(context) });
  if (isCancel(answer)) throw new Interrupted();
  if (answer !== name) throw stopped();
}

/** Asks for a secret without showing it. */
export async function askSecret(context: Context, message: string): Promise<string> {
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message: oneLine(message), ...streamsOf(context) });
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
  const ended = AbortSignal.any([signal, context.io.signal]);
  const answer = await choose(context, question, ended);
  if (answer === undefined) return gone(signal);
  if (answer !== "yes" || destroys === undefined) return answer;
  const { text, isCancel } = await import("@clack/prompts");
  const message = oneLine(`This destroys resources. Type ${destroys} to go on`);
  const typed = await text({ message, ...streamsOf(context, ended) });
  if (isCancel(typed)) return gone(signal);
  return typed === destroys ? "yes" : "later";
}

const decisions = [
  { value: "yes", label: "yes", hint: "apply exactly this plan" },
  { value: "no", label: "no", hint: "discard it" },
  { value: "later", label: "later", hint: "leave it waiting" },
] as const;

type Chosen = (typeof decisions)[number]["value"];

async function choose(context: Context, question: string, ended: AbortSignal): Promise<Chosen | undefined> {
  const { select, isCancel } = await import("@clack/prompts");
  const streams = wordStreams(
    context,
    decisions.map(({ value }) => value),
    ended,
  );
  using _keys = streams.input;
  const options = [...decisions];
  const given = await select<Chosen>({ message: oneLine(question), options, initialValue: "later", ...streams });
  return isCancel(given) ? undefined : given;
}

function gone(signal: AbortSignal): Decision {
  if (signal.aborted) return "gone";
  throw new Interrupted();
}

function refuseWithoutPerson(context: Context, question: string): void {
  if (!context.isInteractive) throw usageError(`${question} Nobody can be asked here: add --yes`);
}

const stopped = (): CliError => new CliError("failed", "nothing was changed: the question was answered with no");
