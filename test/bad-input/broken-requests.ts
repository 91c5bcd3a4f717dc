import { clone, create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { type ReflectList, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { JobResultSchema } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { PlannedResourceSchema } from "../../src/gen/windlass/agent/v1/plan_pb.ts";
import { absent, itemViolationsOf, sizesOf, type Violation, violationsOf } from "./violations.ts";

/** A request with one thing wrong, and the path of that thing as errors name it. */
export interface BrokenRequest {
  readonly path: string;
  readonly rule: string;
  readonly request: Message;
}

/** How deep messages are looked into: deeper ones repeat what stands above. */
const maxDepth = 4;

/** For every rule of every field of a request a copy that breaks it. */
export function brokenRequests(schema: DescMessage, good: Message): readonly BrokenRequest[] {
  return [...walk(schema, { schema, prefix: "", steps: [] })].map(({ path, rule, change }) => {
    const request = clone(schema, good);
    change(reflect(schema, request));
    nameInMask(request, path);
    return { path, rule, request };
  });
}

/** The rules of a resource hold for the fields that an update names. */
function nameInMask(request: Message, path: string): void {
  const [, field] = /^changes\.([a-z_]+)/.exec(path) ?? [];
  if (field !== undefined && "updateMask" in request) request.updateMask = create(FieldMaskSchema, { paths: [field] });
}

interface Place {
  readonly schema: DescMessage;
  readonly prefix: string;
  readonly steps: readonly DescField[];
}

interface Broken {
  readonly path: string;
  readonly rule: string;
  readonly change: (root: ReflectMessage) => void;
}

function* walk(root: DescMessage, { schema, prefix, steps }: Place): Generator<Broken> {
  for (const field of schema.fields) {
    const path = `${prefix}${field.name}`;
    const at = (change: (holder: ReflectMessage) => void) => (message: ReflectMessage) =>
      descend(message, steps, change);
    if (field.fieldKind === "list") yield* inList(root, { field, path, steps, at });
    else if (field.fieldKind !== "map") {
      for (const violation of violationsOf(field)) {
        yield { path, rule: violation.rule, change: at((holder) => put(holder, field, violation)) };
      }
      const inner = field.fieldKind === "message" ? field.message : undefined;
      if (inner !== undefined && isOurs(inner) && steps.length < maxDepth) {
        yield* walk(root, { schema: inner, prefix: `${path}.`, steps: [...steps, field] });
      }
    }
  }
}

interface ListField {
  readonly field: DescField & { fieldKind: "list" };
  readonly path: string;
  readonly steps: readonly DescField[];
  readonly at: (change: (holder: ReflectMessage) => void) => (message: ReflectMessage) => void;
}

function* inList(root: DescMessage, { field, path, steps, at }: ListField): Generator<Broken> {
  const { min, max } = sizesOf(field);
  if (min > 0) yield { path, rule: "min_items", change: at((holder) => holder.clear(field)) };
  if (max !== undefined) {
    yield { path, rule: "max_items", change: at((holder) => fill(holder.get(field) as ReflectList, field, max + 1)) };
  }
  for (const violation of itemViolationsOf(field)) {
    const change = at((holder) => {
      const list = holder.get(field) as ReflectList;
      list.clear();
      list.add(violation.value as never);
    });
    yield { path: `${path}[0]`, rule: `items.${violation.rule}`, change };
  }
  if (field.listKind === "message" && isOurs(field.message) && steps.length < maxDepth) {
    yield* walk(root, { schema: field.message, prefix: `${path}[0].`, steps: [...steps, field] });
  }
}

function fill(list: ReflectList, field: DescField & { fieldKind: "list" }, size: number): void {
  while (list.size < size) list.add(emptyItem(field) as never);
}

const emptyItem = (field: DescField & { fieldKind: "list" }): unknown =>
  field.listKind === "message"
    ? reflect(field.message, create(field.message, goodParts[field.message.typeName]))
    : field.listKind === "enum"
      ? 1
      : `item-${Math.trunc(performance.now() * 1000)}`;

/** Goes down to the message that holds the field, making what is missing on the way. */
function descend(message: ReflectMessage, steps: readonly DescField[], change: (holder: ReflectMessage) => void): void {
  const [step, ...rest] = steps;
  if (step === undefined) change(message);
  else descend(step.fieldKind === "list" ? firstOf(message, step) : innerOf(message, step), rest, change);
}

function firstOf(message: ReflectMessage, step: DescField & { fieldKind: "list" }): ReflectMessage {
  const list = message.get(step) as ReflectList;
  if (list.size === 0) fill(list, step, 1);
  return list.get(0) as ReflectMessage;
}

function innerOf(message: ReflectMessage, step: DescField): ReflectMessage {
  if (step.fieldKind !== "message") throw new Error(`${step.name} is no message`);
  const inner = message.isSet(step)
    ? (message.get(step) as ReflectMessage)
    : reflect(step.message, create(step.message, goodParts[step.message.typeName]));
  message.set(step, inner as never);
  return message.get(step) as ReflectMessage;
}

/** Messages that no good request of the table holds: of a large list only the first broken rule is told. */
const goodParts: Readonly<Record<string, Record<string, unknown>>> = {
  [JobResultSchema.typeName]: {
    claim: { jobId: "job_1", epoch: 1n },
    outcome: 1,
    logSha256: "0".repeat(64),
  },
  [PlannedResourceSchema.typeName]: { address: "a.b" },
};

function put(holder: ReflectMessage, field: DescField, { value }: Violation): void {
  if (value === absent) holder.clear(field);
  else if (field.fieldKind === "message") {
    holder.set(field, reflect(field.message, create(field.message, value as Record<string, unknown>)) as never);
  } else holder.set(field, value as never);
}

const isOurs = ({ typeName }: DescMessage): boolean => typeName.startsWith("windlass.");
