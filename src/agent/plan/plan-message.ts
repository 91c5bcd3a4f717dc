import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  PlannedAction,
  type PlannedOutput,
  PlannedOutputSchema,
  type PlannedResource as PlannedResourceMessage,
  PlannedResourceSchema,
  type PlannedValueSchema,
  PlanSummarySchema,
} from "../../gen/windlass/agent/v1/plan_pb.ts";
import { type Json, JsonNumber } from "../../lib/json/json.ts";
import { type AttributeChange, attributeChanges, wholeChange } from "../../lib/words/plan-attributes.ts";
import type { MaskedJson, PlannedResource, PlanSummary } from "../../terraform/plan/plan.ts";
import type { PlanAction, PlannedChange } from "../../terraform/plan/shape.ts";

/** What one part of a summary holds at most; a message may have 1 MiB, 1,000 changes and 20,000 values. */
const maxPartBytes = 256 * 1024;
const maxPartItems = 200;
const maxPartAttributes = 1_000;
/** Of one resource, by protocol, and in bytes: a resource is never cut over two parts. */
const maxAttributes = 2_000;
const maxAttributeBytes = 512 * 1024;
/** Longest texts, by protocol. */
const maxAddress = 8_192;
const maxName = 1_024;
const maxReason = 256;

/** The lists of a part, and what stands in them. */
interface Lists {
  readonly resourceChanges: PlannedResourceMessage;
  readonly resourceDrift: PlannedResourceMessage;
  readonly outputChanges: PlannedOutput;
}
type OpenLists = { readonly [List in keyof Lists]: Lists[List][] };
type ResourceInit = Exclude<MessageInitShape<typeof PlannedResourceSchema>, { readonly $typeName: string }>;

interface Item {
  readonly bytes: number;
  readonly attributes: number;
}

/** What may leave the agent of a plan, as messages on the wire: encoded parts, in order. */
export function summaryParts(summary: PlanSummary): readonly Uint8Array[] {
  const parts = new Parts();
  for (const resource of summary.resources) parts.add("resourceChanges", resourceMessage(resource));
  for (const resource of summary.drift) parts.add("resourceDrift", resourceMessage(resource));
  for (const { name, ...change } of summary.outputs) {
    const value = valueMessage(wholeChange(sidesOf(change)));
    parts.addOutput({ name: cut(name, maxName), action: actions[change.action], change: value });
  }
  return parts.end(!summary.isComplete);
}

/** Gathers changes until a part is full. */
class Parts {
  readonly #done: Uint8Array[] = [];
  #open: OpenLists = noLists();
  #sum: Item = { bytes: 0, attributes: 0 };

  add(list: "resourceChanges" | "resourceDrift", resource: ResourceInit): void {
    const message = create(PlannedResourceSchema, resource);
    const size = { bytes: toBinary(PlannedResourceSchema, message).length, attributes: message.attributes.length };
    this.#take(list, message, size);
  }

  addOutput(output: MessageInitShape<typeof PlannedOutputSchema>): void {
    const message = create(PlannedOutputSchema, output);
    this.#take("outputChanges", message, { bytes: toBinary(PlannedOutputSchema, message).length, attributes: 1 });
  }

  end(incomplete: boolean): readonly Uint8Array[] {
    this.#close(incomplete);
    return this.#done;
  }

  #take<List extends keyof Lists>(list: List, message: Lists[List], { bytes, attributes }: Item): void {
    const isFull =
      this.#sum.bytes + bytes > maxPartBytes ||
      this.#sum.attributes + attributes > maxPartAttributes ||
      this.#items >= maxPartItems;
    if (isFull && this.#items > 0) this.#close(false);
    this.#open[list].push(message);
    this.#sum = { bytes: this.#sum.bytes + bytes, attributes: this.#sum.attributes + attributes };
  }

  get #items(): number {
    return Object.values(this.#open).reduce((sum, { length }) => sum + length, 0);
  }

  #close(incomplete: boolean): void {
    const message = create(PlanSummarySchema, { ...this.#open, incomplete });
    this.#done.push(toBinary(PlanSummarySchema, message));
    this.#open = noLists();
    this.#sum = { bytes: 0, attributes: 0 };
  }
}

const noLists = (): OpenLists => ({ resourceChanges: [], resourceDrift: [], outputChanges: [] });

function resourceMessage(resource: PlannedResource): ResourceInit {
  return {
    address: cut(resource.address, maxAddress),
    previousAddress: cut(resource.previousAddress ?? "", maxAddress),
    module: cut(resource.module ?? "", maxAddress),
    resourceType: cut(resource.type, maxName),
    name: cut(resource.name, maxName),
    provider: cut(resource.provider, maxName),
    action: actions[resource.action],
    actionReason: cut(resource.reason ?? "", maxReason),
    importId: cut(resource.importing ?? "", maxAddress),
    attributes: fitting(attributeChanges(sidesOf(resource), resource.replacePaths)).map(valueMessage),
  };
}

/** As many as one message has room for. */
function fitting(changes: readonly AttributeChange[]): readonly AttributeChange[] {
  let left = maxAttributeBytes;
  const over = changes.findIndex(({ path, beforeJson, afterJson }) => {
    left -= 3 * (path.length + beforeJson.length + afterJson.length) + 16;
    return left < 0;
  });
  return changes.slice(0, Math.min(maxAttributes, over === -1 ? changes.length : over));
}

const valueMessage = (change: AttributeChange): MessageInitShape<typeof PlannedValueSchema> => ({
  path: cut(change.path, maxAddress),
  beforeJson: change.beforeJson,
  afterJson: change.afterJson,
  unknown: change.isUnknown,
  sensitive: change.isSensitive,
  forcesReplacement: change.forcesReplacement,
});

const sidesOf = ({ before, after, afterUnknown: unknown }: PlannedChange) => ({
  before: marked(before),
  after: marked(after),
  unknown,
});

/** The value with its masks as objects of JSON, which is how changes are told from one another. */
function marked(value: MaskedJson): Json {
  if (typeof value !== "object" || value === null || value instanceof JsonNumber) return value;
  if ("masked" in value) return new Map(Object.entries(value));
  if ("size" in value) return new Map([...value].map(([name, part]) => [name, marked(part)] as const));
  return value.map(marked);
}

/** A text that a message may hold. */
const cut = (text: string, most: number): string => (text.length > most ? text.slice(0, most).toWellFormed() : text);

const actions: Readonly<Record<PlanAction, PlannedAction>> = {
  "no-op": PlannedAction.NO_OP,
  create: PlannedAction.CREATE,
  read: PlannedAction.READ,
  update: PlannedAction.UPDATE,
  delete: PlannedAction.DESTROY,
  "delete-then-create": PlannedAction.REPLACE,
  "create-then-delete": PlannedAction.REPLACE_CREATE_FIRST,
  forget: PlannedAction.FORGET,
  "forget-then-create": PlannedAction.FORGET_THEN_CREATE,
  "create-then-forget": PlannedAction.CREATE_THEN_FORGET,
  other: PlannedAction.UNSPECIFIED,
};
