import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { Agent, type Dispatcher } from "undici";
import { createApiKey } from "../../src/control/people/api-keys.ts";
import { Liveness } from "../../src/control/sessions/liveness.ts";
import type { Role } from "../../src/domain/people/api-key.ts";
import type { CallRates } from "../../src/http/callers/call-rates.ts";
import { type ListenOptions, listen } from "../../src/http/listener.ts";
import { healthPages } from "../../src/http/pages.ts";
import { Readiness } from "../../src/http/readiness.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import type { OrganizationId } from "../../src/lib/words/ids.ts";
import { rpcTenant } from "../../src/rpc/adapter.ts";
import { gateFor, interceptorsFor } from "../../src/rpc/interceptors.ts";
import { routesOf } from "../../src/server/routes.ts";
import { tfeTenant } from "../../src/tfe/tenant.ts";
import type { WebFiles } from "../../src/web/files.ts";
import { webTenant } from "../../src/web/tenant.ts";
import { selfSigned } from "./certificate.ts";
import { openTestControl, type TestControl, type TestControlOptions } from "./control.ts";

export interface TestWebOptions extends TestControlOptions, Pick<ListenOptions, "trust" | "pathPrefix"> {
  /** HTTP/2 over TLS; without it HTTP/1.1 in clear. */
  readonly isSecure?: boolean;
  readonly rates?: CallRates;
  readonly publicUrl?: string;
  /** The UI; absent if it was not built. */
  readonly files?: WebFiles;
}

export interface WebRequest {
  readonly method?: Dispatcher.HttpMethod;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface SeenAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  readonly text: string;
}

export interface OpenStream {
  /** The code and the reason with which the stream ends, once it does. */
  readonly ended: Promise<string>;
}

/** Every tenant of the port over a test control, as browsers meet them. */
export interface TestWeb extends TestControl {
  /** `https://localhost:PORT`, or `http://127.0.0.1:PORT`; it is the origin of the UI's pages. */
  readonly url: string;
  /** Sends a request with this very path, and with these headers and no others. */
  send(path: string, request?: WebRequest): Promise<SeenAnswer>;
  /** Posts JSON as a page of the UI does. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<SeenAnswer>;
  /** Opens a stream as a page of the UI does; answers once its first message is there. */
  stream(method: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<OpenStream>;
  /** A new key, in the first organization unless another one is named. */
  key(role: Role, organizationId?: OrganizationId): Promise<{ readonly id: string; readonly secret: string }>;
  /** Signs in with a key; answers the cookie as the browser sends it back. */
  signIn(secret: string, headers?: Readonly<Record<string, string>>): Promise<string>;
}

export async function openTestWeb(options: TestWebOptions = {}): Promise<TestWeb> {
  await using opening = new AsyncDisposableStack();
  const { publicUrl } = options;
  const opened = opening.use(await openTestControl({ hasLogs: true, ...options }));
  const fixture = { ...opened, control: { ...opened.control, web: { publicUrl } } };
  const tls = options.isSecure ? selfSigned(new Date()) : undefined;
  const outcome = await listen({
    ...{ host: "127.0.0.1", port: 0, log: silentLog(), tls, trust: options.trust, pathPrefix: options.pathPrefix },
    tenants: tenantsOf(fixture, options).map((tenant) => ({ prefix: "", tenant })),
  });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  const { port } = opening.use(outcome.listener);
  const url = tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  const dispatcher = new Agent({ allowH2: tls !== undefined, connect: tls === undefined ? {} : { ca: tls.cert } });
  opening.defer(() => dispatcher.destroy());
  const send: TestWeb["send"] = async (path, { method = "GET", headers = {}, body } = {}) => {
    const answer = await dispatcher.request({ origin: url, path, method, headers, body: body ?? null });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const seen = Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as const);
    return { status: answer.statusCode, headers: Object.fromEntries(seen), bytes, text: bytes.toString("utf8") };
  };
  const post: TestWeb["post"] = (path, body, headers = {}) =>
    send(path, {
      method: "POST",
      headers: { "content-type": "application/json", origin: url, "sec-fetch-site": "same-origin", ...headers },
      body: JSON.stringify(body),
    });
  const owned = opening.move();
  return {
    ...{ ...fixture, url, send, post },
    stream: async (path, body, headers = {}) => {
      const page = { "content-type": "application/connect+json", origin: url, "sec-fetch-site": "same-origin" };
      const answer = await dispatcher.request({
        ...{ origin: url, path, method: "POST", headers: { ...page, ...headers } },
        body: encodeEnvelope(0, Buffer.from(JSON.stringify(body))),
      });
      const pieces: AsyncIterator<Buffer> = answer.body[Symbol.asyncIterator]();
      const first = await pieces.next();
      return { ended: endOf(first.done === true ? Buffer.alloc(0) : first.value, pieces) };
    },
    key: async (role, organizationId = fixture.organization.id) => {
      const owner = role === "site_admin" ? null : organizationId;
      const { key, secret } = await createApiKey(fixture.control, { name: `a ${role}`, role, organizationId: owner });
      return { id: key.id, secret };
    },
    signIn: async (secret, headers) => cookieIn(await post("/session", { apiKey: secret }, headers)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function tenantsOf({ control }: Pick<TestControl, "control">, { rates, files }: TestWebOptions) {
  const callers = { rates };
  const readiness = new Readiness();
  const parts = { control, liveness: new Liveness(), generation: "one", readiness, hasReflection: false };
  return [
    rpcTenant({
      routes: routesOf(parts),
      interceptors: interceptorsFor(control, callers),
      gate: gateFor(control, callers),
    }),
    tfeTenant({ control, callers, observers: [], holdMs: 0 }),
    webTenant({ control, callers, files, observers: [] }),
    healthPages(readiness),
  ];
}

/** The last envelope of a stream says how it ended. */
async function endOf(first: Buffer, pieces: AsyncIterator<Buffer>): Promise<string> {
  let bytes = first;
  for (;;) {
    const piece = await pieces.next().catch(() => undefined);
    if (piece === undefined) return "cut off";
    if (piece.done === true) break;
    bytes = Buffer.concat([bytes, piece.value]);
  }
  const [, code = "none"] = /"error":\{"code":"(\w+)"/.exec(bytes.toString("latin1")) ?? [];
  const [, reason = "none"] = /"reason":"(\w+)"/.exec(bytes.toString("latin1")) ?? [];
  return `${code} ${reason}`;
}

/** What a browser keeps of the cookie that an answer sets. */
export function cookieIn({ status, headers, text }: SeenAnswer): string {
  const cookie = headers["set-cookie"]?.split(";")[0];
  if (cookie === undefined) throw new Error(`no cookie was set: ${status} ${text}`);
  return cookie;
}
