import { describe, expect, test } from "vitest";
import { checkHost, checkMirrorPath, checkMirrorUrl, checkPattern } from "./provider-names.ts";

describe("a host", () => {
  test.each([
    ["registry.example.com", "registry.example.com"],
    ["Registry.Example.COM:9443", "registry.example.com:9443"],
    ["registry.example.com:443", "registry.example.com"],
    ["localhost:09443", "localhost:9443"],
    ["127.0.0.1:8443", "127.0.0.1:8443"],
    ["bücher.example", "xn--bcher-kva.example"],
  ])("%s is stored as terraform compares it", (text, value) => {
    expect(checkHost(text)).toEqual({ kind: "good", value });
  });

  test.each([
    ["https://registry.example.com", "leave out https:// and the path"],
    ["registry.example.com/v1", "leave out https:// and the path"],
    ["user@registry.example.com", "leave out https:// and the path"],
    ["[::1]:9443", "no IPv6 address"],
    ["::1", "no IPv6 address"],
    ["registry.example.com:", "port from 1 to 65535"],
    ["registry.example.com:0", "port from 1 to 65535"],
    ["registry.example.com:65536", "port from 1 to 65535"],
    ["registry.example.com:https", "port from 1 to 65535"],
    ["*", "expected a host such as"],
    ["a..b", "expected a host such as"],
    ["under_score.example", "expected a host such as"],
    ["-a.example", "expected a host such as"],
    [`${"a".repeat(64)}.example`, "expected a host such as"],
    [":9443", "expected a host such as"],
  ])("%s is refused", (text, why) => {
    expect(checkHost(text)).toEqual({ kind: "bad", why: expect.stringContaining(why) });
  });
});

describe("a network mirror", () => {
  test.each([
    ["https://mirror.example", "https://mirror.example/"],
    ["https://mirror.example/providers", "https://mirror.example/providers/"],
    ["https://[::1]:8443/p/", "https://[::1]:8443/p/"],
  ])("%s ends with a slash", (text, value) => {
    expect(checkMirrorUrl(text)).toEqual({ kind: "good", value });
  });

  test.each([
    ["http://mirror.example/", "begins with https://"],
    ["mirror.example", "begins with https://"],
    ["https://", "begins with https://"],
    ["https://me:secret@mirror.example/", "no user and password"],
    ["https://mirror.example/?a=b", "no ? and no #"],
  ])("%s is refused, and the message repeats no secret", (text, why) => {
    const checked = checkMirrorUrl(text);
    expect(checked).toEqual({ kind: "bad", why: expect.stringContaining(why) });
    expect(JSON.stringify(checked)).not.toContain("secret@");
  });
});

describe("a filesystem mirror", () => {
  test("is an absolute path in its shortest form", () => {
    expect(checkMirrorPath("//opt/./providers/")).toEqual({ kind: "good", value: "/opt/providers" });
  });

  test.each(["opt/providers", "~/providers", "", "/", "/opt/../etc", "/opt/a\nb", "/opt/\0"])(
    "%j is refused",
    (text) => {
      expect(checkMirrorPath(text)).toMatchObject({ kind: "bad" });
    },
  );
});

// Each tried with terraform 1.11.4: what is good here it takes, and what is bad it refuses.
describe("a pattern", () => {
  test.each([
    ...["hashicorp/*", "*/*", "*/*/*", "example.com/*/*", "localhost:9443/a/b", "a/1b", "hashicorp/random", "a/ü"],
    ...["a/terraform-provider-x", "127.0.0.1:99/a/b"],
  ])("%s is taken as it is", (text) => {
    expect(checkPattern(text)).toEqual({ kind: "good", value: text });
  });

  test("has a host in the form in which hosts are stored", () => {
    expect(checkPattern("Example.COM:443/acme/*")).toEqual({ kind: "good", value: "example.com/acme/*" });
  });

  test.each([
    ...["random", "a/b/c/d", "*/random", "example.com/*/random", "*/hashicorp/*", "hash*/x", "a_b/c", "a--b/c", "-a/b"],
    ...[
      "a/b-",
      "ex_ample.com/a/b",
      "[::1]:9443/a/b",
      "h..com/a/b",
      "localhost:/a/b",
      "localhost:99999/a/b",
      "/a/b",
      "a/",
    ],
  ])("%s is refused", (text) => {
    expect(checkPattern(text)).toMatchObject({ kind: "bad" });
  });
});
