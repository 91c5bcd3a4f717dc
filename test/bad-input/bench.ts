import { create, type Message } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { nameOf } from "../../src/rpc/bodies/admission.ts";
import { callOnce } from "../authorization/call.ts";
import type { Place } from "../authorization/place.ts";
import type { Row } from "../authorization/row.ts";
import { matrix } from "../authorization/rows/index.ts";
import { openWorld, type World } from "../authorization/world.ts";

/** The RPCs whose input is ours to judge. */
export const ours: readonly Row[] = matrix.filter(({ method }) => nameOf(method).startsWith("windlass."));

/** A server for bad requests, and good ones to spoil. */
export interface Bench {
  readonly world: World;
  /** A request that nothing is wrong with; of a stream its first message. */
  goodRequest(row: Row, place?: Place): Message;
  /** `OK`, or `VALIDATION of pool, name`: why somebody who may make this call is refused. */
  refusalOf(row: Row, request: object, who?: "owner"): Promise<string>;
}

/** Opens a bench for the tests of a file. */
export function useBench(): Bench {
  let opened: World | undefined;
  const world = () => {
    if (opened === undefined) throw new Error("the bench is there only while a test runs");
    return opened;
  };
  beforeAll(async () => {
    opened = await openWorld();
  });
  afterAll(() => opened?.[Symbol.asyncDispose]());
  return {
    get world() {
      return world();
    },
    goodRequest: ({ method, request }, place = world().places.own) => {
      const given = request({ place, agent: world().agents.own });
      return create(method.input, (Array.isArray(given) ? given[0] : given) as Record<string, unknown>);
    },
    refusalOf: async ({ admits, method }, request, asked) => {
      const who = typeof admits === "string" ? (asked ?? "site admin") : (admits[0] ?? "nobody");
      try {
        await callOnce(world().transport, { method, credential: world().credentials[who], request });
        return "OK";
      } catch (error) {
        return refusal(ConnectError.from(error));
      }
    },
  };
}

function refusal(failure: ConnectError): string {
  const fields = failure.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const [info] = failure.findDetails(ErrorInfoSchema);
  const reason = info?.reason ?? failure.message;
  return fields.length === 0 ? reason : `${reason} of ${fields.map(({ field }) => field).join(", ")}`;
}
