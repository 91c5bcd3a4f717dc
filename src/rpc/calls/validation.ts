import type { DescMessage, Message } from "@bufbuild/protobuf";
import {
  isReflectList,
  isReflectMessage,
  type Path,
  pathToString,
  type ReflectMessage,
  reflect,
} from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator, type Violation } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { AgentGatewayService } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { mapItems } from "../../lib/async/streams.ts";
import { fieldOf } from "../../lib/values/records.ts";
import { type FieldViolation, WindlassError } from "../../lib/words/errors.ts";
import { namePattern, nameShape } from "../../lib/words/names.ts";
import { workspaceNamePattern, workspaceNameShape } from "../../lib/words/workspace-names.ts";

// The rules of a message are read with the first one of its kind, in a few milliseconds.
const everyRule = createValidator();
const firstRule = createValidator({ failFast: true });
/** Of messages with more values only the first broken rule is told: each costs as much as many good values. */
const maxValuesToTell = 2_000;

/** Refuses requests that break a rule of the proto files, each message of a stream too. An agent's session looks itself. */
export const validateRequests: Interceptor = (next) => (request) => {
  const schema = request.method.input;
  if (!request.stream) {
    demandValid(schema, request.message);
    return next(request);
  }
  if (request.method === AgentGatewayService.method.session) return next(request);
  const message = mapItems(request.message, (item) => {
    demandValid(schema, item);
    return item;
  });
  return next({ ...request, message });
};

/** Throws `validation` with every broken rule; of a message of many values with the first one. */
export function demandValid(schema: DescMessage, message: Message): void {
  const isLarge = valuesIn(message, maxValuesToTell) > maxValuesToTell;
  const found = brokenRules(isLarge ? firstRule : everyRule, schema, message);
  if (found.length === 0) return;
  const root = reflect(schema, message);
  const told = found.filter((violation) => !isLeftOut(root, violation.field));
  const broken =
    told.length > 0 || !isLarge
      ? told
      : brokenRules(everyRule, schema, message).filter((violation) => !isLeftOut(root, violation.field));
  if (broken.length === 0) return;
  const fields = broken.map((violation) => describe(root, violation));
  const text = fields
    .map(({ field, description }) => (field === "" ? description : `${field}: ${description}`))
    .join("; ");
  throw new WindlassError("validation", text, { fields });
}

function brokenRules(validator: Validator, schema: DescMessage, message: Message): readonly Violation[] {
  const result = validator.validate(schema, message);
  if (result.kind === "valid") return [];
  if (result.kind === "invalid") return result.violations;
  throw new WindlassError("internal", `the rules of ${schema.typeName} cannot be checked`, { cause: result.error });
}

/** How many values a message holds; it stops counting after `most`. */
function valuesIn(message: object, most: number): number {
  let count = 0;
  for (const value of Object.values(message)) {
    if (count > most) break;
    count += 1;
    if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
      count += valuesIn(value, most - count);
    }
  }
  return count;
}

/** The rules of a resource hold for the fields that an update names; the others are empty because nobody set them. */
function isLeftOut(root: ReflectMessage, [first, second]: Path): boolean {
  if (first?.kind !== "field" || first.name !== "changes" || second?.kind !== "field") return false;
  const paths = fieldOf(fieldOf(root.message, "updateMask"), "paths");
  return Array.isArray(paths) && !paths.some((path) => String(path).split(".")[0] === second.name);
}

/** The rules of names, and what people are told instead. */
const namePatterns = [
  [namePattern, nameShape],
  [workspaceNamePattern, workspaceNameShape],
  ["^[a-z0-9]([a-z0-9:._-]{0,61}[a-z0-9])?$", "1 to 63 lower-case letters, digits, and : . _ - between them"],
] as const;

/** What people are told of rules whose own sentences help nobody. */
const ruleTexts: Readonly<Record<string, string>> = {
  required: "is required",
  "string.uuid": "expected a UUID, such as 0d5c4a3e-7f2b-4d77-9f61-5a6f0f6f7c11",
};

function describe(root: ReflectMessage, { field, message, ruleId }: Violation): FieldViolation {
  const shape = namePatterns.find(([pattern]) => message.includes(pattern))?.[1];
  const rule = shape !== undefined ? `expected ${shape}` : (ruleTexts[ruleId] ?? message);
  const got = shown(valueAt(root, field));
  return { field: pathToString(field), description: got === "" ? rule : `${rule}, got ${got}`, rule: ruleId };
}

/** Short values help; long ones may be contents. */
const maxShownChars = 64;

function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value !== "string" || value.length > maxShownChars) return "";
  return value === "" ? "nothing" : JSON.stringify(value);
}

function valueAt(root: ReflectMessage, path: Path): unknown {
  let value: unknown = root;
  for (const step of path) {
    if (step.kind === "field" && isReflectMessage(value)) value = value.get(step);
    else if (step.kind === "list_sub" && isReflectList(value)) value = value.get(step.index);
    else return undefined;
  }
  return value;
}
