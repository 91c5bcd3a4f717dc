import type { DescMessage, Message } from "@bufbuild/protobuf";
import { type Path, pathToString, type ReflectList, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { nameShape } from "../control/names.ts";
import { type FieldViolation, WindlassError } from "../lib/errors.ts";
import { mapItems } from "./streams.ts";

const validator = createValidator();

/** Refuses requests that break a rule of the proto files, each message of a stream too. */
export const validateRequests: Interceptor = (next) => (request) => {
  const schema = request.method.input;
  if (!request.stream) {
    demandValid(schema, request.message);
    return next(request);
  }
  const message = mapItems(request.message, (item) => {
    demandValid(schema, item);
    return item;
  });
  return next({ ...request, message });
};

/** Throws `validation` with every broken rule. */
export function demandValid(schema: DescMessage, message: Message): void {
  const result = validator.validate(schema, message);
  if (result.kind === "valid") return;
  if (result.kind === "error") {
    throw new WindlassError("internal", `the rules of ${schema.typeName} cannot be checked`, { cause: result.error });
  }
  const root = reflect(schema, message);
  const broken = result.violations.filter((violation) => !isLeftOut(root, violation.field));
  if (broken.length === 0) return;
  const fields = broken.map((violation) => describe(root, violation));
  const text = fields
    .map(({ field, description }) => (field === "" ? description : `${field}: ${description}`))
    .join("; ");
  throw new WindlassError("validation", text, { fields });
}

/** The rules of a resource hold for the fields that an update names; the others are empty because nobody set them. */
function isLeftOut(root: ReflectMessage, [first, second]: Path): boolean {
  if (first?.kind !== "field" || first.name !== "changes" || second?.kind !== "field") return false;
  const { updateMask } = root.message as { readonly updateMask?: { readonly paths: readonly string[] } };
  return updateMask !== undefined && !updateMask.paths.some((path) => path.split(".")[0] === second.name);
}

/** The names of organizations, pools and workspaces all have this rule. */
const namePattern = "^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$";

function describe(root: ReflectMessage, { field, message, ruleId }: Violation): FieldViolation {
  const rule = message.includes(namePattern)
    ? `expected ${nameShape}`
    : ruleId === "required"
      ? "is required"
      : message;
  const got = shown(valueAt(root, field));
  return { field: pathToString(field), description: got === "" ? rule : `${rule}, got ${got}` };
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
    if (step.kind === "field") value = (value as ReflectMessage).get(step);
    else if (step.kind === "list_sub") value = (value as ReflectList).get(step.index);
    else return undefined;
  }
  return value;
}
