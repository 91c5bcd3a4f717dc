import { WindlassError } from "../../lib/words/errors.ts";
import { heldObjectsIn } from "../../lib/words/held-objects.ts";
import { lostResources } from "../../lib/words/lost-resources.ts";
import { excerpt, shortText, whyTooCostly } from "./limits.ts";
import { planContents, planProblem } from "./plan-summary.ts";
import type { Answer, Question } from "./questions.ts";
import { outputsOnly } from "./shared-outputs.ts";
import { differenceBetween } from "./state-changes.ts";
import { parsePushedState } from "./state-check.ts";
import { malformedState, stateContents } from "./state-contents.ts";
import { parseState, readStateHeader } from "./state-file.ts";
import { stateNameIn } from "./state-name.ts";
import { outputsIn } from "./state-outputs.ts";
import { serialPlace } from "./state-serial.ts";
import { stateSummary } from "./state-summary.ts";
import { typedOutputIn, typedOutputsIn } from "./typed-outputs.ts";

type Kind = Question["kind"];
type Of<K extends Kind> = Extract<Question, { kind: K }>;
type Readers = {
  readonly [K in Kind]: (documents: readonly [Uint8Array, Uint8Array], question: Of<K>) => Answer<Of<K>>;
};

const readers: Readers = {
  "pushed-state": ([bytes]) => parsePushedState(bytes),
  "applied-state": ([bytes]) => parseState(bytes),
  outputs: ([bytes], { id, ...part }) => outputsIn(bytes, id, part),
  instances: ([bytes], question) => listedInstances(bytes, question),
  "instance-status": ([bytes], { id, addresses }) => instanceStatus(bytes, { id, addresses }),
  "lost-resources": ([bytes], { finished, isFromBefore }) =>
    lostResources(finished, { objects: heldObjectsIn(bytes, finished), isFromBefore }),
  difference: (pair, { ids, ...part }) => differenceBetween(pair, ids, part),
  "serial-place": ([bytes]) => serialPlace(bytes),
  "state-name": ([bytes]) => stateNameIn(bytes),
  "state-summary": ([bytes], { id }) => stateSummary(bytes, id),
  "typed-outputs": ([bytes], wanted) => typedOutputsIn(bytes, wanted),
  "typed-output": ([bytes], wanted) => typedOutputIn(bytes, wanted),
  "outputs-only": ([bytes]) => outputsOnly(bytes),
  plan: ([bytes], { id, ...part }) => planContents(bytes, id, part),
  "plan-problem": ([bytes]) => planProblem(bytes),
};

/** Answers a question about documents. What would cost too much to parse is not parsed. */
export function answerTo<Q extends Question>(question: Q, documents: readonly Uint8Array[]): Answer<Q> {
  const tooCostly = scanned.has(question.kind) ? undefined : whyTooCostly(documents);
  const [first = none, second = none] = documents;
  if (tooCostly !== undefined) return withoutParsing(question, first, tooCostly);
  const read: unknown = readers[question.kind];
  return (read as (pair: readonly Uint8Array[], question: Q) => Answer<Q>)([first, second], question);
}

const none = new Uint8Array();

/** What is found without parsing. */
const scanned: ReadonlySet<Kind> = new Set(["serial-place", "state-name"]);

/** A state that an apply has written must not be lost: its header is enough to keep it. */
function withoutParsing<Q extends Question>(question: Q, bytes: Uint8Array, why: string): Answer<Q> {
  const asked: Question = question;
  switch (asked.kind) {
    case "applied-state":
      return readStateHeader(bytes, why) as Answer<Q>;
    case "plan-problem":
      return why as Answer<Q>;
    case "pushed-state":
    case "outputs-only":
    case "serial-place":
    case "state-name":
    case "plan":
      throw new WindlassError("validation", `the document cannot be taken: ${why}`);
    case "outputs":
    case "instances":
    case "instance-status":
    case "lost-resources":
    case "state-summary":
    case "typed-outputs":
    case "typed-output":
      throw malformedState(asked.id, why);
    case "difference":
      throw malformedState(asked.ids.join(" or "), why);
  }
}

function instanceStatus(bytes: Uint8Array, { id, addresses }: Pick<Of<"instance-status">, "id" | "addresses">) {
  const wanted = new Set(addresses);
  const found = stateContents(bytes, { id }).instances.filter(({ address }) => wanted.has(address));
  return Object.fromEntries(
    found.map(({ address, isTainted }) => [address, isTainted ? ("tainted" as const) : ("present" as const)]),
  );
}

function listedInstances(bytes: Uint8Array, { id, search, after, limit }: Of<"instances">): Answer<Of<"instances">> {
  const { instances } = stateContents(bytes, { id });
  const wanted = instances
    .map((instance, place) => ({ instance, place }))
    .filter(({ instance, place }) => instance.address.includes(search) && (after === null || place > after));
  const part = excerpt(wanted, { after: null, limit }, ({ instance: { attributes: _secret, ...shown }, place }) => ({
    ...shown,
    address: shortText(shown.address),
    module: shortText(shown.module),
    type: shortText(shown.type),
    name: shortText(shown.name),
    provider: shortText(shown.provider),
    resourceId: shortText(shown.resourceId),
    place,
  }));
  return { ...part, total: instances.length };
}
