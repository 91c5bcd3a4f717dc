import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { failureText, foreignText, isOwnAnswer, isOwnRefusal, isTokenRefused, needsHttp2 } from "./own-answer.ts";

const withReason = (reason: string, code = Code.Unauthenticated, domain = "windlass") =>
  new ConnectError("no", code, undefined, [{ desc: ErrorInfoSchema, value: { reason, domain, metadata: {} } }]);

describe("an answer is Windlass' own", () => {
  test("by the reason in its domain, whatever its code is", () => {
    expect(isOwnAnswer(withReason("TOKEN_REVOKED"))).toBe(true);
    expect(isOwnAnswer(withReason("STORAGE_UNAVAILABLE", Code.Unavailable))).toBe(true);
  });

  test.each([
    ["without a reason", new ConnectError("no", Code.Unauthenticated)],
    ["with a reason of another domain", withReason("TOKEN_REVOKED", Code.Unauthenticated, "example.com")],
    ["that is no answer", new Error("read ECONNRESET")],
  ])("and not one %s", (_, error) => {
    expect(isOwnAnswer(error)).toBe(false);
    expect(isOwnRefusal(error, new Set([Code.Unauthenticated, Code.Unknown]))).toBe(false);
    expect(isTokenRefused(error)).toBe(false);
  });

  test("and only some of them say that the token is bad", () => {
    expect(isTokenRefused(withReason("TOKEN_EXPIRED"))).toBe(true);
    expect(isTokenRefused(withReason("PERMISSION_DENIED", Code.PermissionDenied))).toBe(false);
  });
});

const between = "something between here and the server";
const answered = (message: string, code: Code, headers: Record<string, string> = {}) =>
  new ConnectError(message, code, headers);

describe("what is not Windlass' own is named", () => {
  test.each([
    [
      answered("Received HTTP status code 413", Code.Unknown, { server: "nginx/1.22.1" }),
      `${between} (nginx/1.22.1) answers 413`,
    ],
    [answered("HTTP 403", Code.PermissionDenied), `${between} answers 403`],
    [
      answered("Received HTTP status code 302", Code.Unknown, { location: "https://login.example.com/" }),
      "https://login.example.com/",
    ],
    [
      answered("Received message larger than max (1752460652 vs 4194304)", Code.ResourceExhausted),
      "answers 200 with a web page",
    ],
    [answered("Received HTTP status code 505", Code.Unknown), needsHttp2],
    [answered("Received RST_STREAM with code 0 (Call ended without gRPC status)", Code.Internal), needsHttp2],
    [
      answered("Received RST_STREAM with code 2 (Internal server error)", Code.Internal),
      "ended the call in the middle",
    ],
    [answered("Call cancelled", Code.Canceled), "ended the call in the middle"],
    [
      answered("RBAC: access denied", Code.PermissionDenied, { server: "envoy" }),
      `${between} answers PermissionDenied: RBAC`,
    ],
  ])("%s", (error, text) => {
    expect(failureText(error)).toContain(text);
  });

  test("but a connection that broke is no answer of anybody", () => {
    expect(foreignText(answered("Connection dropped", Code.Unavailable))).toBeUndefined();
    expect(foreignText(withReason("TOKEN_REVOKED"))).toBeUndefined();
  });

  test("in one clean line of bounded length, whatever it says", () => {
    const text = failureText(answered(`\u001b[31m${"x\n".repeat(500)}`, Code.Unknown));
    expect(text).toMatch(/^\P{Cc}+$/u);
    expect(text.length).toBeLessThanOrEqual(400);
  });
});
