import { createApiKey } from "../../src/control/people/api-keys.ts";
import type { Role } from "../../src/domain/people/api-key.ts";
import type { CallRates } from "../../src/http/callers/call-rates.ts";
import type { ConnectionLimits } from "../../src/http/connections.ts";
import { listen } from "../../src/http/listener.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import { isRecord } from "../../src/lib/values/records.ts";
import { tfeTenant } from "../../src/tfe/tenant.ts";
import { openTestControl, type TestControl, type TestControlOptions } from "./control.ts";

/** A document of JSON:API, as loosely as tests want to look at it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into documents of any shape
export type AnyDocument = any;

export interface TfeAnswerSeen {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed answer; undefined if it is empty or no JSON. */
  readonly document: AnyDocument;
  readonly bytes: Uint8Array;
}

export interface TfeCallOptions {
  /** The credential; of the operator of the first organization, if nothing is said. Null is none. */
  readonly token?: string | null | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What a test can call as. */
export type TfeKeys = Readonly<Record<Role | "siblingOwner", string>>;

/** The TFE API of a test control, on a port of its own. */
export interface TestTfe extends TestControl {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Secrets: one of each role in the first organization, and one of the owner of the other one. */
  readonly keys: TfeKeys;
  /**
   * Calls a path below /api/v2, or any other that begins with `//` or a whole URL. A body that is a text or bytes is sent as it
   * is, anything else as JSON.
   */
  call(method: string, path: string, body?: unknown, options?: TfeCallOptions): Promise<TfeAnswerSeen>;
}

export interface TestTfeOptions extends TestControlOptions {
  readonly holdMs?: number;
  /** Calls are not counted if absent. */
  readonly rates?: CallRates;
  readonly connectionLimits?: ConnectionLimits;
}

export async function openTestTfe({
  holdMs = 0,
  rates,
  connectionLimits,
  ...options
}: TestTfeOptions = {}): Promise<TestTfe> {
  await using opening = new AsyncDisposableStack();
  const fixture = opening.use(await openTestControl({ hasLogs: true, ...options }));
  const { control, organization, sibling } = fixture;
  const tenant = tfeTenant({ control, callers: { rates }, observers: [], holdMs });
  const outcome = await listen({
    ...{ host: "127.0.0.1", port: 0, log: silentLog() },
    tenants: [{ prefix: "", tenant }],
    connectionLimits,
  });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  const listener = opening.use(outcome.listener);
  const keyOf = async (role: Role, organizationId = organization.id) =>
    (
      await createApiKey(control, {
        name: `a ${role}`,
        role,
        organizationId: role === "site_admin" ? null : organizationId,
      })
    ).secret;
  const keys: TfeKeys = {
    site_admin: await keyOf("site_admin"),
    owner: await keyOf("owner"),
    operator: await keyOf("operator"),
    planner: await keyOf("planner"),
    reader: await keyOf("reader"),
    siblingOwner: await keyOf("owner", sibling.id),
  };
  const owned = opening.move();
  return {
    ...fixture,
    url: listener.url,
    keys,
    call: (method, path, body, { token = keys.operator, headers = {} } = {}) =>
      callTfe(addressOf(listener.url, path), { method, body, token, headers }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const addressOf = (url: string, path: string): string => {
  if (path.startsWith("http")) return path;
  return path.startsWith("//") ? `${url}${path.slice(1)}` : `${url}/api/v2${path}`;
};

interface RawCall {
  readonly method: string;
  readonly body: unknown;
  readonly token: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

async function callTfe(address: string, { method, body, token, headers }: RawCall): Promise<TfeAnswerSeen> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(address, {
    method,
    redirect: "manual",
    headers: {
      accept: "application/vnd.api+json",
      ...(body === undefined
        ? {}
        : { "content-type": isRaw ? "application/octet-stream" : "application/vnd.api+json" }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? Buffer.from(body) : JSON.stringify(body) }),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, document: documentIn(bytes), bytes };
}

function documentIn(bytes: Uint8Array): AnyDocument {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The body of a request about one resource. */
export const resourceBody = (
  type: string,
  attributes: Readonly<Record<string, unknown>>,
  relationships?: Readonly<Record<string, unknown>>,
): unknown => ({ data: { type, attributes, ...(relationships === undefined ? {} : { relationships }) } });
