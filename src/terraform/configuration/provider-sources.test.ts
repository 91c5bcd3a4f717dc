// biome-ignore-all lint/suspicious/noTemplateCurlyInString: for terraform and tofu they are text

import { expect, test } from "vitest";
import { readCliConfig } from "./cli-config/cli-config.ts";
import { renderCliItems } from "./cli-config/cli-syntax.ts";
import { credentialsBlock, installationBlock, mirrorBlock, type ProviderMirror } from "./provider-sources.ts";

test("sources become a CLI configuration, with quotes where they are needed", () => {
  const mirrors: readonly ProviderMirror[] = [
    { kind: "filesystem", path: '/srv/"mirror"', include: ["acme/*"], exclude: [] },
    { kind: "network", url: "https://mirror.acme.test/p/", include: [], exclude: ["acme/*", "other/*"] },
    { kind: "direct", include: [], exclude: [] },
  ];
  const host = { host: "localhost:9443", token: 'a"\n${b} %{c}' };
  const text = renderCliItems([installationBlock(mirrors.map(mirrorBlock)), credentialsBlock(host)]);
  expect(text).toMatchInlineSnapshot(`
    "provider_installation {
      filesystem_mirror {
        path = "/srv/\\"mirror\\""
        include = ["acme/*"]
      }
      network_mirror {
        url = "https://mirror.acme.test/p/"
        exclude = ["acme/*", "other/*"]
      }
      direct {
      }
    }
    credentials "localhost:9443" {
      token = "a\\"\\n\\u0024{b} %{c}"
    }
    "
  `);
  expect(readCliConfig(text)).toMatchObject({
    kind: "read",
    config: { hosts: ["localhost:9443"], secrets: ['a"\n${b} %{c}'] },
  });
});
