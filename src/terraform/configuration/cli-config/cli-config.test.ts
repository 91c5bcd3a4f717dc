// biome-ignore-all lint/suspicious/noTemplateCurlyInString: for terraform and tofu they are text

import { describe, expect, test } from "vitest";
import { readCliConfig } from "./cli-config.ts";
import { readCliSyntax, renderCliItems } from "./cli-syntax.ts";

const whole = `
# a comment
plugin_cache_dir   = "$HOME/.terraform.d/plugin-cache"
disable_checkpoint = true
provider_installation {
  dev_overrides {
    "acme/cloud" = "/home/me/bin"
  }
  filesystem_mirror {
    path    = "/srv/mirror"
    include = ["registry.terraform.io/acme/*"]
  }
  network_mirror { url = "https://user:pass%2Fword@mirror.acme.test/providers/" }
  direct { exclude = ["registry.terraform.io/acme/*"] }
}
credentials "Registry.Acme.test:9443" {
  token = "secret-\\"token\\""
}
credentials_helper "vault" { args = ["--path", "a"] }
host "registry.acme.test" {
  services = { "providers.v1" = "https://other.acme.test/v1/" }
}
oci_credentials "ghcr.io" {
  username = "me"
  password = "oci-password"
}
`;

describe("a CLI configuration", () => {
  test("says which paths, hosts and secrets it names, and what does nothing in it", () => {
    const read = readCliConfig(whole);
    expect(read).toMatchObject({
      kind: "read",
      config: {
        hosts: ["registry.acme.test:9443"],
        helper: "vault",
        paths: [
          { path: "/home/me/bin", what: "dev_overrides" },
          { path: "/srv/mirror", what: "filesystem_mirror" },
        ],
        secrets: ["pass%2Fword", 'secret-"token"', "oci-password"],
        warnings: [expect.stringContaining("line 3: plugin_cache_dir does nothing")],
      },
    });
    if (read.kind !== "read") return;
    expect(read.config.methods?.map(({ name }) => name)).toEqual([
      "dev_overrides",
      "filesystem_mirror",
      "network_mirror",
      "direct",
    ]);
    expect(read.config.others.map(({ name }) => name)).toEqual([
      "credentials",
      "credentials_helper",
      "host",
      "oci_credentials",
    ]);
  });

  test.each([
    [
      "a = 1\nprovider_instalation {}",
      "line 2: provider_instalation is no setting of a CLI configuration: did you mean provider_installation?",
    ],
    [
      'provider_installation {\n  filesystem_miror { path = "/a" }\n}',
      "line 2: filesystem_miror is no way to install providers: did you mean filesystem_mirror?",
    ],
    [
      'provider_installation {\n  filesystem_mirror { path = "mirror" }\n}',
      'line 2: filesystem_mirror: expected an absolute path, got "mirror"',
    ],
    ["provider_installation {\n  filesystem_mirror {}\n}", 'line 2: filesystem_mirror: expected path = "/…"'],
    [
      'provider_installation {\n  network_mirror { url = "http://a.test/" }\n}',
      'line 2: network_mirror: expected url = "https://…/", terraform takes no other',
    ],
    [
      'provider_installation {\n  network_mirror { url = "https://a.test/p" }\n}',
      "line 2: network_mirror: the url must end in /, or terraform leaves its last part out",
    ],
    ['provider_installation {\n  direct { include = "a/b" }\n}', 'line 2: direct: expected include = ["…"]'],
    [
      "provider_installation {}\nprovider_installation {}",
      "line 2: a second provider_installation block: terraform takes one",
    ],
    ['credentials "a.test" {}', 'line 1: credentials "a.test" has no token = "…"'],
    ['credentials { token = "a" }', 'line 1: expected credentials "HOST" { token = "…" }'],
    ['credentials_helper "../x" {}', 'line 1: expected credentials_helper "NAME" { args = […] }'],
    ["providers {}", "line 1: providers was for terraform before 0.13: use provider_installation"],
    [
      'provider_installation {\n  dev_overrides { "a/b" = "bin" }\n}',
      'line 2: dev_overrides: expected an absolute path for "a/b"',
    ],
    ['{"credentials": {}}', "line 1: it is JSON: write it as name = value and name { … }"],
    ['credentials "a" {\n token = "b"', "line 2: expected name = value or name { … }, got the end"],
    ['a = "b', "line 1: a string is not closed on its line"],
    ["a = b", "line 1: expected a quoted string, a number, true, false, [ … ] or { … }, got b"],
    [`a = ${"[".repeat(1000)}`, "line 1: values are nested too deep"],
    ["a {".repeat(1000), "line 1: blocks are nested too deep"],
  ])("%j is refused", (text, problem) => {
    const read = readCliConfig(text);
    expect(read.kind === "refused" ? read.problems.at(-1) : read).toBe(problem);
  });

  test("tells every problem at once", () => {
    const read = readCliConfig('x = 1\ncredentials "a" {}\nprovider_installation {\n  y {}\n}');
    expect(read.kind === "refused" && read.problems).toHaveLength(3);
  });

  test("an oci_mirror goes on to tofu, with a warning that terraform refuses it", () => {
    const text = 'provider_installation {\n  oci_mirror { repository_template = "a.test/${namespace}/${type}" }\n}';
    const read = readCliConfig(text);
    expect(read).toMatchObject({ kind: "read", config: { warnings: [expect.stringContaining("tofu only")] } });
  });
});

test("what is written down is read back as it was", () => {
  const read = readCliSyntax(whole);
  expect(read.kind).toBe("read");
  if (read.kind !== "read") return;
  const again = readCliSyntax(renderCliItems(read.items));
  const withoutLines = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll(/,"line":\d+/g, ""));
  expect(withoutLines(again)).toEqual(withoutLines(read));
});
