import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ProviderSettingsSchema } from "../../../../src/gen/windlass/v1/provider_settings_pb.ts";
import { hostMessage, hostsOf, sourceMessage, sourcesOf } from "./provider-form.ts";

const settings = create(ProviderSettingsSchema, {
  sources: [
    {
      source: { case: "networkMirror", value: { url: "https://mirror.example.com/" } },
      include: ["hashicorp/*", "corp/*"],
    },
    { source: { case: "filesystemMirror", value: { path: "/opt/mirror" } }, exclude: ["a/b"] },
    { source: { case: "direct", value: {} } },
  ],
  hosts: [{ host: "registry.example.com", tokenSet: true }],
});

test("sources that nobody has touched are sent as they were read", () => {
  expect(create(ProviderSettingsSchema, { sources: sourcesOf(settings).map(sourceMessage) }).sources).toEqual(
    settings.sources,
  );
});

test("a host whose token was not typed anew keeps its token", () => {
  expect(hostsOf(settings).map(hostMessage)).toEqual([{ host: "registry.example.com", token: "" }]);
});
