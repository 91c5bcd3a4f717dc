import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createContextKey } from "@connectrpc/connect";
import type { Control } from "../control/core/control.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { type CallerOptions, callerBy } from "../http/callers.ts";
import { admissionOf, demandAdmission } from "./bodies/admission.ts";
import { knownKey, principalKey, remoteAddressKey } from "./calls/caller.ts";

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
  const principal =
    admission === "anybody"
      ? undefined
      : await callerBy(control, options, { authorization: header.get("authorization"), address });
  if (admission !== "anybody" && principal !== undefined) demandAdmission(method, admission, principal);
  // Load balancers look at the health of all who come through them.
  if (method.parent.typeName !== Health.typeName) await options.rates?.admit(principal, address);
  if (principal !== undefined) {
    values.set(principalKey, principal);
    values.get(knownKey)();
  }
  values.set(identifiedKey, true);
}
