import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createContextKey } from "@connectrpc/connect";
import type { Control } from "../control/core/control.ts";
import type { Principal } from "../domain/people/principal.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { type CallerOptions, callerOrBrowser } from "../http/callers/callers.ts";
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

/** The cookie of a browser counts where people call. */
function callerOfCall(
  control: Control,
  options: CallerOptions,
  { header, values, httpMethod, admission }: Call & { readonly admission: Exclude<Admission, "anybody"> },
): Promise<Principal> {
  const page = { from: header.get("origin"), site: header.get("sec-fetch-site"), isRead: httpMethod === "GET" };
  const browser = { ...page, origin: values.get(originKey), cookies: header.get("cookie") };
  return callerOrBrowser(control, options, {
    authorization: header.get("authorization"),
    address: values.get(remoteAddressKey),
    browser: admission.has("api_key") ? browser : undefined,
  });
}
