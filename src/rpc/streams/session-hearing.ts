import { Code, ConnectError } from "@connectrpc/connect";
import type { Heard } from "../../control/sessions/hearing.ts";
import { type SessionRequest, SessionRequestSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { isWindlassError, type WindlassError } from "../../lib/words/errors.ts";
import { toConnectError } from "../calls/errors.ts";
import { demandValid } from "../calls/validation.ts";

/**
 * What an agent says, each message with the rule that it breaks if it breaks one: one bad message is no reason to end a
 * conversation. What cannot be read comes last. Rejects when the connection breaks.
 */
export async function* heardFrom(requests: AsyncIterable<SessionRequest>): AsyncGenerator<Heard, void> {
  try {
    for await (const request of requests) yield heard(request);
  } catch (error) {
    const detail = whyUnreadable(error);
    if (detail === undefined) throw error;
    yield { kind: "unreadable", detail };
  }
}

function heard(request: SessionRequest): Heard {
  try {
    demandValid(SessionRequestSchema, request);
    return { kind: "message", request };
  } catch (error) {
    if (!isWindlassError(error, "validation")) throw error;
    return { kind: "broken", request, rule: ruleOf(error), detail: error.message };
  }
}

/** Fields whose rule has a name of its own; all others are bounds of a field. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/^log_chunk\.chunk$/, "log.chunk"],
  [/\.claim(\.|$)/, "claim.name"],
];

function ruleOf({ fields: [first] }: WindlassError): string {
  const field = first?.field ?? "";
  return rules.find(([pattern]) => pattern.test(field))?.[1] ?? "field.bounds";
}

/** Why what came is no message of the published proto files; undefined if that is not what is wrong. */
function whyUnreadable(error: unknown): string | undefined {
  if (!isWindlassError(error) && !(error instanceof ConnectError)) return undefined;
  const { code, rawMessage } = toConnectError(error, { requestId: "", signal: new AbortController().signal });
  return code === Code.InvalidArgument || code === Code.ResourceExhausted ? rawMessage : undefined;
}
