import { expect, test } from "vitest";
import { stateContents } from "./state-contents.ts";

test("a provider with for_each is told of each instance, which names it in OpenTofu's states", () => {
  const local = 'provider["registry.opentofu.org/hashicorp/local"]';
  const resources = [
    {
      ...{ type: "local_file", name: "x" },
      instances: [
        { index_key: "eu", provider: `${local}.by["eu"]`, attributes: { provider: "no" } },
        { index_key: "us", provider: `module.m.${local}.by["us"]` },
      ],
    },
    { type: "local_file", name: "y", provider: local, instances: [{}] },
  ];
  const { instances } = stateContents(Buffer.from(JSON.stringify({ version: 4, resources })), { id: "sv_1" });
  expect(instances.map(({ address, provider }) => `${address} ${provider}`)).toEqual([
    'local_file.x["eu"] registry.opentofu.org/hashicorp/local',
    'local_file.x["us"] registry.opentofu.org/hashicorp/local',
    "local_file.y registry.opentofu.org/hashicorp/local",
  ]);
});
