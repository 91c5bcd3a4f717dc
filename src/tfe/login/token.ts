import { redeemCode } from "../../control/people/logins.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { TfeAnswer } from "../core/answers.ts";
import type { OpenCall } from "../core/call.ts";
import { type FormValues, readForm } from "./form.ts";
import { clientId } from "./request.ts";

interface TokenError {
  readonly error: string;
  readonly why: string;
  readonly status?: number | undefined;
}

const json = (status: number, body: Readonly<Record<string, string | number>>): TfeAnswer => ({
  kind: "bytes",
  status,
  type: "application/json",
  bytes: `${JSON.stringify(body)}\n`,
  headers: { pragma: "no-cache" },
});

const refused = ({ error, why, status = 400 }: TokenError): TfeAnswer =>
  json(status, { error, error_description: why });

/** Trades a code for a new API key. Source: RFC 6749, 4.1.3 to 5.2. */
export async function answerToken(call: OpenCall): Promise<TfeAnswer> {
  const form = await formOf(call);
  if ("error" in form) return refused(form);
  const wrong = whyWrong(form.values);
  if (wrong !== undefined) return refused(wrong);
  const text = (name: string) => form.values.get(name) ?? "";
  const outcome = await redeemCode(call.control, {
    clientId: text("client_id"),
    redirectUri: text("redirect_uri"),
    code: text("code"),
    verifier: text("code_verifier"),
    address: call.address,
  });
  if (outcome.kind === "refused") return refused({ error: "invalid_grant", why: outcome.why });
  const { secret, key } = outcome.made;
  const leftMs = (key.expiresAt?.getTime() ?? 0) - key.createdAt.getTime();
  return json(200, { access_token: secret, token_type: "bearer", expires_in: Math.floor(leftMs / 1_000) });
}

async function formOf(call: OpenCall): Promise<{ readonly values: FormValues } | TokenError> {
  try {
    return { values: await readForm(call) };
  } catch (error) {
    if (isWindlassError(error, "validation")) return { error: "invalid_request", why: error.message };
    if (isWindlassError(error, "upload_too_large"))
      return { error: "invalid_request", why: error.message, status: 413 };
    throw error;
  }
}

function whyWrong(values: FormValues): TokenError | undefined {
  const type = values.get("grant_type");
  if (type === undefined) return { error: "invalid_request", why: "the grant_type is missing" };
  if (type !== "authorization_code") {
    return { error: "unsupported_grant_type", why: "the grant_type must be authorization_code" };
  }
  const missing = ["code", "redirect_uri", "client_id", "code_verifier"].find((name) => !values.get(name));
  if (missing !== undefined) return { error: "invalid_request", why: `the ${missing} is missing` };
  if (values.get("client_id") !== clientId)
    return { error: "invalid_client", why: `the client_id must be ${clientId}` };
  const isVerifier = /^[A-Za-z0-9._~-]{43,128}$/.test(values.get("code_verifier") ?? "");
  return isVerifier ? undefined : { error: "invalid_request", why: "the code_verifier has not the form of RFC 7636" };
}
