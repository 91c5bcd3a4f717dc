import * as z from "zod";
import type { Control } from "../../control/core/control.ts";
import { invalid } from "../../control/core/refusals.ts";
import type { HttpRequest } from "../../http/messages.ts";
import { readBody } from "../../http/request-body.ts";
import { isRecord } from "../../lib/values/records.ts";
import { type FieldViolation, WindlassError } from "../../lib/words/errors.ts";

/** No document of a client is larger, but for a state in one. */
const maxDocumentBytes = 1024 * 1024;
/** No document of the API is nested so deeply. */
const maxDepth = 64;

interface Sent {
  readonly request: HttpRequest;
  readonly control: Pick<Control, "clock">;
}

export interface BodyOptions {
  readonly maxBytes?: number | undefined;
  readonly withinMs?: number | undefined;
}

/**
 * The request's JSON; undefined without a body. Throws `upload_too_large`, and `validation` for what is no JSON or nested more
 * deeply than any document of the API.
 */
export async function readJsonBody({ request, control }: Sent, options: BodyOptions = {}): Promise<unknown> {
  const { maxBytes = maxDocumentBytes, withinMs } = options;
  const text = (await readBody(request, control.clock, { maxBytes, withinMs })).toString("utf8");
  if (text.trim() === "") return undefined;
  refuseDepth(text);
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("the body is not JSON");
  }
}

const malformed = (description: string) =>
  new WindlassError("validation", description, { fields: [{ field: "/", description }] });

/** Counts brackets outside of strings: nothing is built of what will be refused. */
function refuseDepth(text: string): void {
  let depth = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isQuoted) {
      if (character === "\\") at++;
      else if (character === '"') isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === "[" || character === "{") {
      if (++depth > maxDepth) throw malformed(`the body is nested more than ${maxDepth} deep`);
    } else if (character === "]" || character === "}") depth--;
  }
}

/** What a document of JSON:API says of one resource. */
export interface ResourceInput<A, R> {
  readonly attributes: A;
  readonly relationships: R;
}

/** A reference to a resource, as relationships have it. Whole resources are borne: only their names count. */
export const resourceName = z.object({ type: z.string().max(200), id: z.string().max(200) });
export const toOne = z.object({ data: resourceName.nullable() });
export const toMany = z.object({ data: z.array(resourceName).max(10_000) });

/** Resources of which some parts are named by what they are, instead of an id. */
export const toManyOf = <A extends z.ZodType>(attributes: A) =>
  z.object({
    data: z
      .array(z.object({ type: z.string().max(200).optional(), id: z.string().max(1_000).optional(), attributes }))
      .max(10_000),
  });

/** For routes that read no relationships. */
export const noRelationships = z.object({});

interface Shape<A extends z.ZodType, R extends z.ZodType> {
  /** Types that clients write; an empty one is borne, as the terraform program sends it. Absent: any. */
  readonly types?: readonly string[] | undefined;
  readonly attributes: A;
  readonly relationships: R;
}

/**
 * The resource in the request's document. Attributes and relationships that the shape does not name are borne. Throws `validation`
 * with the pointers of all that is wrong.
 */
export async function readResource<A extends z.ZodType, R extends z.ZodType>(
  call: Sent,
  shape: Shape<A, R>,
  options?: BodyOptions,
): Promise<ResourceInput<z.infer<A>, z.infer<R>>> {
  const body = await readJsonBody(call, options);
  if (!isRecord(body) || !isRecord(body.data)) throw malformed("expected a JSON:API document with an object in data");
  const { type, attributes, relationships } = body.data;
  if (shape.types !== undefined && !isBorne(type, shape.types)) {
    const description = `expected the type ${shape.types.join(" or ")}, got ${JSON.stringify(String(type).slice(0, 80))}`;
    throw new WindlassError("validation", description, { fields: [{ field: "/data/type", description }] });
  }
  return {
    attributes: checked(shape.attributes, attributes ?? {}, "/data/attributes"),
    relationships: checked(shape.relationships, relationships ?? {}, "/data/relationships"),
  };
}

/** The same for a request that may have no body: then nothing is said. */
export async function readOptionalResource<A extends z.ZodType, R extends z.ZodType>(
  call: Sent,
  { attributes, relationships }: Shape<A, R>,
): Promise<ResourceInput<z.infer<A>, z.infer<R>>> {
  const body = await readJsonBody(call);
  const said = isRecord(body) && isRecord(body.data) ? body.data : {};
  return {
    attributes: checked(attributes, said.attributes ?? {}, "/data/attributes"),
    relationships: checked(relationships, said.relationships ?? {}, "/data/relationships"),
  };
}

const isBorne = (type: unknown, known: readonly string[]): boolean =>
  type === undefined || type === "" || (typeof type === "string" && known.includes(type));

/** The names in the document of a relationship: `{data: [{type, id}, …]}`. */
export async function readNames(call: Sent): Promise<readonly z.infer<typeof resourceName>[]> {
  return checked(toMany, (await readJsonBody(call)) ?? {}, "").data;
}

/** A value that fits a schema. Throws `validation` with pointers below the given one. */
export function checked<S extends z.ZodType>(schema: S, value: unknown, pointer: string): z.infer<S> {
  const outcome = schema.safeParse(value);
  if (outcome.success) return outcome.data;
  const fields = outcome.error.issues.map(
    ({ path, message }): FieldViolation => ({
      field: `${pointer}${path.map((part) => `/${String(part)}`).join("")}`,
      description: message,
    }),
  );
  throw new WindlassError("validation", fields.map(({ field, description }) => `${field}: ${description}`).join("; "), {
    fields,
  });
}

/** Refuses relationships to what is not known here, unless they are empty: nothing may be promised that would not be kept. */
export function refuseUnknown<const Name extends string>(
  relationships: { readonly [K in Name]?: { readonly data: readonly unknown[] } | undefined },
  names: readonly Name[],
): void {
  for (const name of names) {
    if ((relationships[name]?.data.length ?? 0) > 0)
      throw invalid(`/data/relationships/${name}`, "this server has no such scopes: leave it out, or empty");
  }
}
