import { asPerson } from "../control/core/access.ts";
import { invalid } from "../control/core/refusals.ts";
import { signIn, signOut } from "../control/people/browser-sessions.ts";
import { cookieOf, mayHoldCookie, noCookie, secretIn } from "../http/callers/browser-cookie.ts";
import { callerWith } from "../http/callers/callers.ts";
import { demandOwnPage, ownOrigins } from "../http/callers/own-page.ts";
import { readBody } from "../http/request-body.ts";
import { isJsonObject, type Json, JsonMistake, readJson } from "../lib/json/json.ts";
import { isWindlassError, WindlassError } from "../lib/words/errors.ts";
import type { WebAnswer } from "./answers.ts";
import { headerOf, pageFacts, type WebCall } from "./call.ts";

/** Where browsers sign in and out. */
export const sessionPath = "/session";

/** No API key is longer. */
const maxBodyBytes = 4 * 1024;

/** Answers `POST /session` (`{"apiKey": "wdl_usr_…"}`), which signs in, and `DELETE /session`, which signs out: with 204. */
export function answerSession(call: WebCall): Promise<WebAnswer> {
  const { method = "" } = call.request;
  if (method === "POST") return answerSignIn(call);
  if (method === "DELETE") return answerSignOut(call);
  throw new WindlassError("unsupported", `${method} ${sessionPath} is not understood: POST signs in, DELETE signs out`);
}

async function answerSignIn(call: WebCall): Promise<WebAnswer> {
  const { control, callers, address } = call;
  const page = pageOf(call);
  if (new URL(call.origin).pathname !== "/") throw belowPath();
  if (!mayHoldCookie(page)) {
    throw new WindlassError(
      "permission_denied",
      `${page} is not served over TLS: sign in over https, or on this machine`,
      {
        metadata: { action: "sign in" },
      },
    );
  }
  const token = await keyIn(call);
  const who = asPerson(await callerWith(control, callers, { token, address }));
  await callers.rates?.admit(who, address);
  call.recognize();
  const userAgent = headerOf(call, "user-agent") ?? "";
  const { secret } = await signIn(control, who, { userAgent, formerSecret: formerSecret(call) });
  return { status: 204, headers: { "cache-control": "no-store", "set-cookie": cookieOf(page, secret) } };
}

/** The cookie is for the whole host: others there would get it. */
const belowPath = () =>
  new WindlassError("permission_denied", "browsers cannot sign in below a path: the UI needs a host name of its own", {
    metadata: { action: "sign in" },
  });

async function answerSignOut(call: WebCall): Promise<WebAnswer> {
  const page = pageOf(call);
  const secret = formerSecret(call);
  if (secret !== undefined) await signOut(call.control, { secret, address: call.address });
  return { status: 204, headers: { "cache-control": "no-store", "set-cookie": noCookie(page) } };
}

/** The origin of the page that asks: one of ours. */
function pageOf(call: WebCall): string {
  const page = pageFacts(call);
  demandOwnPage({ ...page, isRead: false }, ownOriginsOf(call));
  return page.from ?? call.origin;
}

const ownOriginsOf = ({ control, origin }: WebCall) => ownOrigins(origin, control.web?.publicUrl);

/** Undefined without a cookie, and for one that tells nothing. */
function formerSecret(call: WebCall): string | undefined {
  try {
    return secretIn(headerOf(call, "cookie"), ownOriginsOf(call));
  } catch (error) {
    if (isWindlassError(error, "token_invalid")) return undefined;
    throw error;
  }
}

async function keyIn(call: WebCall): Promise<string> {
  const type = headerOf(call, "content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") throw invalid("", "expected JSON: content-type: application/json");
  const body = jsonIn((await readBody(call.request, call.control.clock, { maxBytes: maxBodyBytes })).toString("utf8"));
  const key = isJsonObject(body) ? body.get("apiKey") : undefined;
  if (typeof key !== "string" || key.trim() === "") throw invalid("apiKey", 'expected {"apiKey": "wdl_usr_…"}');
  return key.trim();
}

function jsonIn(text: string): Json {
  try {
    return readJson(text);
  } catch (error) {
    if (error instanceof JsonMistake) throw invalid("", "the body is not JSON");
    throw error;
  }
}
