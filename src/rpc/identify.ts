import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createContextKey } from "@connectrpc/connect";
import type { Control } from "../control/core/control.ts";
import { type AuthenticationOptions, authenticate } from "../control/people/authentication.ts";
import type { Principal } from "../domain/people/principal.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import type { CallRates } from "../http/call-rates.ts";
import { WindlassError } from "../lib/words/errors.ts";
import { admissionOf, demandAdmission } from "./bodies/admission.ts";
import { knownKey, principalKey, remoteAddressKey } from "./calls/caller.ts";

/** How callers are told apart and held back. */
export interface CallerOptions extends Pick<AuthenticationOptions, "serverAgentTokenHash"> {
  /** Without it callers may call as often as they like. */
  readonly rates?: CallRates;
}

/** True once it is known who calls. */
const identifiedKey = createContextKey(false, { description: "it is known who calls" });

interface Call {
  readonly method: DescMethod;
  /** Of the request. */
  readonly header: Headers;
  readonly values: ContextValues;
}

/**
 * Finds out who calls, once for each call, and notes it in the call's values. Refuses a caller that nobody knows, that has
 * no business with the method, or that calls too often.
 */
export async function identify(control: Control, options: CallerOptions, call: Call): Promise<void> {
  const { method, header, values } = call;
  if (values.get(identifiedKey)) return;
  const address = values.get(remoteAddressKey);
  const admission = admissionOf(method);
  const principal = admission === "anybody" ? undefined : await principalBy(control, options, { header, address });
  if (admission !== "anybody" && principal !== undefined) demandAdmission(method, admission, principal);
  // Load balancers look at the health of all who come through them.
  if (method.parent.typeName !== Health.typeName) await options.rates?.admit(principal, address);
  if (principal !== undefined) {
    values.set(principalKey, principal);
    values.get(knownKey)();
  }
  values.set(identifiedKey, true);
}

async function principalBy(
  control: Control,
  { rates, serverAgentTokenHash }: CallerOptions,
  { header, address }: { readonly header: Headers; readonly address: string },
): Promise<Principal> {
  const authorization = header.get("authorization");
  try {
    return await authenticate(control, bearerToken(authorization), { serverAgentTokenHash, address });
  } catch (error) {
    // Without a credential nothing was looked up.
    throw authorization === null ? error : ((await rates?.rejected(error, address)) ?? error);
  }
}

function bearerToken(header: string | null): string {
  if (header === null || header.trim() === "") return "";
  const [scheme, token, ...more] = header.trim().split(/\s+/);
  if (scheme?.toLowerCase() === "bearer" && token !== undefined && more.length === 0) return token;
  throw new WindlassError(
    "token_invalid",
    "the authorization header is not understood: expected authorization: Bearer wdl_usr_…",
  );
}
