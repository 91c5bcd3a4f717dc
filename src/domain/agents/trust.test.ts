import { describe, expect, test } from "vitest";
import { claimsProblem, fitsSubject, issuerProblem, subjectProblem } from "./trust.ts";

test.each([
  ["system:serviceaccount:windlass:agent", "system:serviceaccount:windlass:agent", true],
  ["system:serviceaccount:windlass:agent", "system:serviceaccount:windlass:agents", false],
  ["system:serviceaccount:windlass:agent", "system:serviceaccount:windlass:agent:x", false],
  ["system:serviceaccount:windlass:*", "system:serviceaccount:windlass:agent", true],
  ["system:serviceaccount:windlass:*", "system:serviceaccount:windlass-two:agent", false],
  ["system:serviceaccount:*:agent", "system:serviceaccount:windlass:agent", true],
  ["system:serviceaccount:*:agent", "system:serviceaccount:a:b:agent", false],
  ["system:serviceaccount:team-*-prod:agent", "system:serviceaccount:team-a-prod:agent", true],
  ["system:serviceaccount:team-*-prod:agent", "system:serviceaccount:team-prod:agent", false],
  ["repo:acme/infra:*", "repo:acme/infra:ref:refs/heads/main", true],
  ["repo:acme/*", "repo:acme/infra:ref:refs/heads/main", true],
  ["repo:acme/*", "repo:acme-two/infra", false],
  ["a.c", "abc", false],
  ["a*b*c", "aXbYbZc", true],
  ["a*ab", "ab", false],
])("the pattern %s takes the subject %s: %s", (pattern, subject, fits) => {
  expect(fitsSubject(pattern, subject)).toBe(fits);
});

test("a pattern with many asterisks costs no more than its length", () => {
  const pattern = `a${"*a".repeat(250)}b`;
  expect(fitsSubject(pattern, "a".repeat(512))).toBe(false);
});

test("a pattern that begins with anything is refused", () => {
  expect(subjectProblem("*")).toMatch(/begin with anything/);
  expect(subjectProblem("system:*")).toBeUndefined();
});

test.each([
  ["https://oidc.example.com/id/7", undefined],
  ["http://127.0.0.1:8080", undefined],
  ["http://[::1]:8080", undefined],
  ["http://oidc.example.com", /expected https/],
  ["http://127.0.0.1.example.com", /expected https/],
  ["ftp://oidc.example.com", /expected https/],
  ["https://me:secret@oidc.example.com", /without user/],
  ["https://oidc.example.com/?a=b", /without user, query/],
  ["https://oidc.example.com/#a", /without user, query/],
  ["oidc.example.com", /expected a URL/],
])("an issuer is a URL that says who it is: %s", (issuer, problem) => {
  if (problem === undefined) expect(issuerProblem(issuer)).toBeUndefined();
  else expect(issuerProblem(issuer)).toMatch(problem);
});

describe("claims", () => {
  const payload = {
    ...{ sub: "system:serviceaccount:windlass:agent", level: 3, isTrusted: true },
    "kubernetes.io": { namespace: "windlass", serviceaccount: { name: "agent" } },
    ...{ "a/b": "slash" },
  };
  const wants = (claims: Record<string, string>) => claimsProblem({ subjects: [payload.sub], claims }, payload);

  test.each([
    ["/kubernetes.io/namespace", "windlass"],
    ["/kubernetes.io/serviceaccount/name", "agent"],
    ["/a~1b", "slash"],
    ["level", "3"],
    ["isTrusted", "true"],
  ])("%s can be asked for", (name, value) => {
    expect(wants({ [name]: value })).toBeUndefined();
    expect(wants({ [name]: `${value}2` })).toContain(name);
  });

  test.each(["kubernetes.io", "/kubernetes.io/pod/name", "toString", "/level/0"])(
    "%s is no text that could be equal to one",
    (name) => expect(wants({ [name]: "" })).toMatch(/is absent/),
  );

  test("a token without a subject is nobody's", () => {
    expect(claimsProblem({ subjects: ["a"], claims: {} }, { sub: "" })).toMatch(/no subject/);
    expect(claimsProblem({ subjects: ["a"], claims: {} }, { sub: "b" })).toMatch(/expected a/);
  });
});
