import { S3ServiceException } from "@aws-sdk/client-s3";
import { errnoOf, messageOf } from "../../../lib/values/errors.ts";
import { lookUp } from "../../../lib/values/records.ts";
import { WindlassError } from "../../../lib/words/errors.ts";

/** When a caller may try again. */
const retryAfterMs = 5_000;

/** What is said of each of S3's errors, by its name. */
const sentences: Readonly<Record<string, string>> = {
  NoSuchBucket: "there is no such bucket: make it, or correct --blob-url",
  AccessDenied: "the store refuses access: the keys need the rights that docs/objects.md lists",
  Forbidden: "the store refuses access: the keys need the rights that docs/objects.md lists",
  AllAccessDisabled: "the store refuses access to this bucket",
  InvalidAccessKeyId: "the store does not know the access key",
  SignatureDoesNotMatch: "the store does not take the secret key: it is the wrong one, or a proxy changes requests",
  ExpiredToken: "the keys have expired",
  InvalidToken: "the store does not take the session token",
  CredentialsProviderError:
    "no keys were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what else the AWS SDK knows",
  TokenRefreshRequired: "the keys have expired",
  RequestTimeTooSkewed: "the clock of this machine differs from the store's by too much: correct it",
  SlowDown: "the store asks for fewer requests",
  InternalError: "the store has an error of its own",
  ServiceUnavailable: "the store does not serve now",
  InvalidBucketName: "the store does not take the name of the bucket: correct --blob-url",
  NoSuchUpload: "the store has forgotten the upload",
  QuotaExceeded: "the store is full",
  XMinioStorageFull: "the store is full",
};

const wrongRegion = (region: string | undefined) =>
  `the bucket is in ${region === undefined ? "another region" : `the region ${region}`}: give it as region=${region ?? "…"} in --blob-url`;

/** An error of the store as callers are told of it; what is no error of it is answered as it is. */
export function storeFailure(error: unknown, shown: string): unknown {
  if (error instanceof WindlassError || !(error instanceof Error)) return error;
  return new WindlassError("storage_unavailable", `the objects in ${shown} cannot be reached: ${whatOf(error)}`, {
    cause: error,
    retryAfterMs,
  });
}

function whatOf(error: Error): string {
  const status = statusOf(error);
  const region = regionIn(error);
  if (status === 301 || error.name === "AuthorizationHeaderMalformed" || error.name === "PermanentRedirect")
    return wrongRegion(region);
  const known = sentences[error.name] ?? (status === 403 ? sentences.AccessDenied : undefined);
  if (known !== undefined) return known;
  if (/region is missing/i.test(error.message))
    return "no region is known: give it as region=… in --blob-url, or set AWS_REGION";
  if (error.name === "TimeoutError" || error.name === "AbortError")
    return `it does not answer in time: ${lookAt}, and firewalls`;
  if (isUnreadable(error)) return noS3(status);
  const code = errnoOf(error);
  if (code !== undefined && isOfCertificate(code))
    return `its certificate is not trusted (${code}): name its authority in NODE_EXTRA_CA_CERTS, or add it to the system's`;
  const way = lookUp(ofTheWay, code ?? "");
  if (way !== undefined) return `${textOf(error)}: ${way}`;
  if (code !== undefined || !(error instanceof S3ServiceException)) return textOf(error);
  return `${error.name}: ${error.message}${status === undefined ? "" : ` (status ${status})`}`;
}

const lookAt = "look at endpoint= of --blob-url";

/** What to look at where the way to the store is broken, by the system's error. */
const ofTheWay: Readonly<Record<string, string>> = {
  ECONNREFUSED: `${lookAt}, and whether the store runs`,
  ECONNRESET: `${lookAt}, http or https, and whether the store runs`,
  EPROTO: `${lookAt}: does the store speak https there?`,
  ENOTFOUND: `${lookAt}, and DNS`,
  EAI_AGAIN: `${lookAt}, and DNS`,
  ETIMEDOUT: `${lookAt}, and firewalls`,
  EHOSTUNREACH: `${lookAt}, and the network`,
  ENETUNREACH: `${lookAt}, and the network`,
};

const noS3 = (status?: number): string =>
  `what answers there is no S3 store${status === undefined ? "" : ` (status ${status})`}: ${lookAt}`;

/** Several addresses of one name were tried: the error has no message of its own. */
const textOf = (error: Error): string =>
  error instanceof AggregateError && error.message === "" ? error.errors.map(messageOf).join("; ") : error.message;

const isOfCertificate = (code: string): boolean =>
  /^(UNABLE_TO_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_)/.test(code);

/** The SDK could not read the answer: HTML of a proxy, for one. */
const isUnreadable = (error: Error): boolean => "$responseBodyText" in error || error instanceof SyntaxError;

/** The status of the answer, if there was one. */
export function statusOf(error: unknown): number | undefined {
  const metadata = error instanceof Error && "$metadata" in error ? error.$metadata : undefined;
  const status =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
      ? metadata.httpStatusCode
      : undefined;
  return typeof status === "number" ? status : undefined;
}

function regionIn(error: Error): string | undefined {
  const region = "Region" in error ? error.Region : undefined;
  if (typeof region === "string") return region;
  return /expecting '([\w-]+)'/.exec(error.message)?.[1];
}

/** True for an answer that says that the object is not there. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && (error.name === "NoSuchKey" || error.name === "NotFound");

/** True if another attempt may go better: the network, or the store itself, had a fault. */
export function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || status >= 500 || status === 429;
}

/** What answers as no S3 store does. */
export const notS3 = (shown: string): WindlassError =>
  new WindlassError("storage_unavailable", `the objects in ${shown} cannot be reached: ${noS3()}`, { retryAfterMs });
