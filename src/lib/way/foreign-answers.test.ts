import { expect, test } from "vitest";
import { foreignAnswerText, type HttpAnswer } from "./foreign-answers.ts";

const between = "something between here and the server";

const told: readonly (readonly [HttpAnswer, string])[] = [
  [{ status: 413, server: "nginx/1.22.1" }, `${between} (nginx/1.22.1) answers 413: the request is larger than it`],
  [{ status: 401 }, `${between} answers 401: it wants a login of its own`],
  [{ status: 403, contentType: "text/html" }, `${between} answers 403 with a web page: it forbids the call`],
  [{ status: 404 }, `${between} answers 404: it is no Windlass server, or a proxy`],
  [{ status: 407 }, `${between} answers 407: a proxy wants a user and a password`],
  [{ status: 421 }, `${between} answers 421: it serves another name`],
  [{ status: 429 }, `${between} answers 429: it limits how often`],
  [{ status: 502 }, `${between} answers 502: a proxy gets no good answer from the server behind it`],
  [
    { status: 503 },
    `${between} answers 503: a proxy has no server to pass the call on to: is windlassd running, and ready? Its /readyz says`,
  ],
  [{ status: 504 }, `${between} answers 504: a proxy waited too long`],
  [{ status: 505 }, `${between} answers 505: it does not speak the version of HTTP`],
  [{ status: 599 }, `${between} answers 599: it failed`],
  [{ status: 418 }, `${between} answers 418: it refused the call`],
  [
    { status: 400, body: "<title>400 No required SSL certificate was sent" },
    `${between} answers 400: it wants a client`,
  ],
  [{ status: 400, body: "The plain HTTP request was sent to HTTPS port" }, `${between} answers 400: it speaks TLS`],
  [
    { status: 302, location: "https://login.example.com/?a" },
    `${between} answers 302: it redirects to https://login.ex`,
  ],
  [{ status: 301, location: null }, `${between} answers 301: a redirect to nowhere`],
  [{ status: 200, contentType: "text/html; charset=utf-8" }, `${between} answers 200 with a web page: the network may`],
  [{ status: 200, contentType: "image/png" }, `${between} answers 200 with content of type image/png: the address`],
  [{ status: 200 }, `${between} answers 200 with content of no type`],
];

test.each(told)("%o is told as what it is", (answer, text) => {
  expect(foreignAnswerText(answer)).toContain(text);
});

test.each<HttpAnswer>([
  { status: 200, contentType: "application/grpc" },
  { status: 200, contentType: "application/grpc+proto" },
  { status: 200, contentType: "application/proto" },
  { status: 200, contentType: "application/json; charset=utf-8" },
  { status: 200, contentType: "application/connect+proto" },
  { status: 404, hasGrpcStatus: true },
  { status: 200, contentType: "text/html", hasGrpcStatus: true },
])("%o may be Windlass's own", (answer) => {
  expect(foreignAnswerText(answer)).toBeUndefined();
});

test("what a stranger puts into headers cannot break the line or fill the screen", () => {
  const text = foreignAnswerText({ status: 302, server: `a\n\u001b[31m${"x".repeat(500)}`, location: "\r\nhttp://x" });
  expect(text).toMatch(/^\P{Cc}+$/u);
  expect(text?.length).toBeLessThan(400);
});
