import { expect, test } from "vitest";
import { renderCliItems } from "../../../terraform/configuration/cli-config/cli-syntax.ts";
import { mirrorBlock } from "../../../terraform/configuration/provider-sources.ts";
import { methodsWithPackages } from "./package-methods.ts";

const path = "/srv/packages";
const settled = ["registry.terraform.io/hashicorp/random"];

test("the cache comes before registries, which are asked for nothing that the lock file settles", () => {
  const methods = methodsWithPackages({ methods: null, implied: [], path, settled });
  expect(renderCliItems(methods)).toMatchInlineSnapshot(`
    "filesystem_mirror {
      path = "/srv/packages"
    }
    direct {
      exclude = ["registry.terraform.io/hashicorp/random"]
    }
    "
  `);
});

test("what the engine would look at by itself keeps its providers", () => {
  const include = ["acme.test/acme/cloud"];
  const implied = [{ kind: "filesystem", path: "terraform.d/plugins", include, exclude: [] }] as const;
  const methods = methodsWithPackages({ methods: null, implied, path, settled: [] });
  expect(renderCliItems(methods)).toMatchInlineSnapshot(`
    "filesystem_mirror {
      path = "/srv/packages"
      exclude = ["acme.test/acme/cloud"]
    }
    filesystem_mirror {
      path = "terraform.d/plugins"
      include = ["acme.test/acme/cloud"]
    }
    direct {
      exclude = ["acme.test/acme/cloud"]
    }
    "
  `);
});

test("the methods of the agent's owner keep their order and their exclusions; overrides stay first", () => {
  const methods = [
    mirrorBlock({ kind: "network", url: "https://a.test/", include: ["a/*"], exclude: ["a/b"] }),
    { kind: "block", name: "dev_overrides", labels: [], line: 1, items: [] } as const,
  ];
  expect(renderCliItems(methodsWithPackages({ methods, implied: [], path, settled }))).toMatchInlineSnapshot(`
    "dev_overrides {
    }
    filesystem_mirror {
      path = "/srv/packages"
    }
    network_mirror {
      url = "https://a.test/"
      include = ["a/*"]
      exclude = ["a/b", "registry.terraform.io/hashicorp/random"]
    }
    "
  `);
});
