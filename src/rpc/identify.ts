import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createContextKey } from "@connectrpc/connect";
import type { Control } from "../control/core/control.ts";
import type { Principal } from "../domain/people/principal.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { type CallerOptions, callerBy, personInBrowser } from "../http/callers.ts";
import { type Admission, admissionOf, demandAdmission } from "./bodies/admission.ts";
import { knownKey, originKey, principalKey, remoteAddressKey } from "./calls/caller.ts";

/** True once it is known who calls. */
const identifiedKey = createContextKey(false, { description: "it is known who calls" });

interface Call {
  readonly method: DescMethod;
  /** The method of HTTP: `GET` for what only reads, else `POST`. */
  readonly httpMethod: string;
  /** Of the request. */
  readonly header: Headers;
  readonly values: ContextValues;
}

/**
 * Finds out who calls, once for each call, and notes it in the call's values. Refuses a caller that nobody knows, that has
 * no business with the method, or that calls too often.
 */
export async function identify(control: Control, options: CallerOptions, call: Call): Promise<void> {
  const { method, values } = call;
  if (values.get(identifiedKey)) return;
  const address = values.get(remoteAddressKey);
  const admission = admissionOf(method);
  const principal = admission === "anybody" ? undefined : await callerOfCall(control, options, { ...call, admission });
  if (admission !== "anybody" && principal !== undefined) demandAdmission(method, admission, principal);
  // Load balancers look at the health of all who come through them.
  if (method.parent.typeName !== Health.typeName) await options.rates?.admit(principal, address);
  if (principal !== undefined) {
    values.set(principalKey, principal);
    values.get(knownKey)();
  }
  values.set(identifiedKey, true);
}

/** A credential that is shown goes before the cookie of a browser, which counts where people call. */
async function callerOfCall(
  control: Control,
  options: CallerOptions,
  { header, values, httpMethod, admission }: Call & { readonly admission: Exclude<Admission, "anybody"> },
): Promise<Principal> {
  const authorization = header.get("authorization");
  const address = values.get(remoteAddressKey);
  if (authorization === null && admission.has("api_key")) {
    const facts = { origin: values.get(originKey), cookies: header.get("cookie"), from: header.get("origin") };
    const page = { ...facts, site: header.get("sec-fetch-site"), isRead: httpMethod === "GET" };
    const person = await personInBrowser(control, options, { ...page, address });
    if (person !== undefined) return person;
  }
  return callerBy(control, options, { authorization, address });
}
