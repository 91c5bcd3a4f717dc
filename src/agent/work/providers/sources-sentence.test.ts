import { describe, expect, test } from "vitest";
import { readCliConfig } from "../../../terraform/configuration/cli-config/cli-config.ts";
import { type SaidSources, sourcesSentence, withoutPassword } from "./sources-sentence.ts";

const nothing: SaidSources = { owner: undefined, file: undefined, mirrors: [], environment: {} };
const ownersFile = (text: string) => {
  const read = readCliConfig(text);
  if (read.kind !== "read") throw new Error(JSON.stringify(read));
  return read.config;
};

describe("where an agent takes providers from", () => {
  test("their registries, where nobody says anything else", () => {
    expect(sourcesSentence(nothing)).toBe(
      "This agent takes providers from their registries (no --cli-config, no setting providers), through no proxy",
    );
    expect(sourcesSentence({ ...nothing, file: "/etc/rc", owner: ownersFile("") })).toContain(
      "their registries (--cli-config /etc/rc names no mirror, no setting providers)",
    );
  });

  test("what the file of its owner says, before what the control plane says", () => {
    const owner = ownersFile(
      'provider_installation {\n  filesystem_mirror { path = "/opt/p" }\n  network_mirror { url = "https://me:pw@m.example/p/" }\n  direct {}\n}',
    );
    const mirrors = [{ kind: "direct", include: [], exclude: [] }] as const;
    expect(sourcesSentence({ ...nothing, owner, file: "/etc/rc", mirrors })).toContain(
      "the filesystem mirror /opt/p, the network mirror https://m.example/p/, their registries (--cli-config /etc/rc)",
    );
  });

  test("what the control plane says", () => {
    const mirrors = [
      { kind: "network", url: "https://m.example/", include: [], exclude: [] },
      { kind: "direct", include: [], exclude: [] },
    ] as const;
    expect(sourcesSentence({ ...nothing, mirrors })).toContain(
      "the network mirror https://m.example/, their registries (the setting providers of the control plane)",
    );
  });

  test.each([
    [{ HTTPS_PROXY: "http://p:3128" }, "through the proxy http://p:3128"],
    [{ http_proxy: "http://p:3128" }, "through the proxy http://p:3128"],
    [{ https_proxy: "http://low:1", HTTPS_PROXY: "http://high:1" }, "through the proxy http://high:1"],
    [{ HTTPS_PROXY: "http://me:secret@p:3128" }, "through the proxy http://p:3128"],
    // An empty variable names none.
    [{ HTTPS_PROXY: "" }, "through no proxy"],
    [{ HTTPS_PROXY: "", http_proxy: "http://p:1" }, "through the proxy http://p:1"],
  ])("and through which proxy: %j", (environment, words) => {
    expect(sourcesSentence({ ...nothing, environment }).endsWith(`, ${words}`)).toBe(true);
  });
});

test.each([
  ["https://m.example/p/", "https://m.example/p/"],
  ["https://me@m.example/", "https://m.example/"],
  ["https://me:pw@m.example:8443/p", "https://m.example:8443/p"],
  // What a person forgot to escape is no less a password.
  ["http://me:p@ss@p:3128", "http://p:3128"],
  ["socks5+tls://me:p@ss@p:1080/", "socks5+tls://p:1080/"],
  // Behind the host nothing is one.
  ["https://m.example/@scope/p", "https://m.example/@scope/p"],
  ["https://m.example?mail=a@b", "https://m.example?mail=a@b"],
  ["/opt/me@home", "/opt/me@home"],
])("no password stands in what is said: %s", (address, said) => {
  expect(withoutPassword(address)).toBe(said);
});
