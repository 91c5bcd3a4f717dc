import { readBody } from "../../http/request-body.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { OpenCall } from "../core/call.ts";

/** No form of ours is larger. */
const maxFormBytes = 16 * 1024;

/** The values of a form or of a query, of which each name stands once. */
export type FormValues = ReadonlyMap<string, string>;

/** The values. Throws `validation` for a name that stands twice: nobody knows which one its sender meant. */
export function valuesOf(params: URLSearchParams): FormValues {
  const values = new Map<string, string>();
  for (const [name, value] of params) {
    if (values.has(name)) throw mistake(`${JSON.stringify(name.slice(0, 40))} is there twice`);
    values.set(name, value);
  }
  return values;
}

/** The form in a request. Throws `upload_too_large`, and `validation` for what is no form. */
export async function readForm({ request, control }: Pick<OpenCall, "request" | "control">): Promise<FormValues> {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    throw mistake("expected a form: content-type: application/x-www-form-urlencoded");
  }
  const bytes = await readBody(request, control.clock, { maxBytes: maxFormBytes });
  return valuesOf(new URLSearchParams(bytes.toString("utf8")));
}

/**
 * Refuses a form that a page of somebody else sends in a person's name. Browsers say where a form stands; what says nothing is no
 * browser, and is in nobody's name. Pages that tell nobody where they were have the origin null: only `sec-fetch-site` tells then,
 * which browsers send where nobody reads along.
 */
export function demandOwnForm({ request, origin }: Pick<OpenCall, "request" | "origin">): void {
  const site = request.headers["sec-fetch-site"];
  const from = request.headers.origin;
  if (site === undefined && from === undefined) return;
  const isOwn = site === undefined ? from === new URL(origin).origin : site === "same-origin";
  if (isOwn) return;
  throw new WindlassError(
    "permission_denied",
    site === undefined && from === "null"
      ? "the browser does not say where this form stands: call this server over HTTPS, or use another browser"
      : "this form was sent by a page of somebody else: nothing was done",
    { metadata: { action: "login" } },
  );
}

export const mistake = (description: string): WindlassError =>
  new WindlassError("validation", description, { fields: [{ field: "", description }] });
