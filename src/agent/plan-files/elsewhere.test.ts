import { expect, test } from "vitest";
import { findElsewhere } from "./elsewhere.ts";

const plan = (path: string): string =>
  JSON.stringify({
    prior_state: {
      values: { root_module: { resources: [{ mode: "data", address: "data.d.d", values: { config: { path } } }] } },
    },
  });
const outside = {
  directories: ["/tmp", "/tmp/windlass-work/ws_1/tmp"],
  brought: ["/tmp/windlass-work/ws_1/config", "/tmp/windlass-work/ws_1/shared-states"],
};

test.each<readonly [string, readonly string[]]>([
  ["/tmp/fn.zip", ["/tmp/fn.zip"]],
  ["/tmp/windlass-work/ws_1/tmp/fn.zip", ["/tmp/windlass-work/ws_1/tmp/fn.zip"]],
  ["/tmp/windlass-work/ws_1/shared-states-2/x", ["/tmp/windlass-work/ws_1/shared-states-2/x"]],
  ["/tmp/windlass-work/ws_1/config/fn.zip", []],
  ["/tmp/windlass-work/ws_1/shared-states/network.tfstate", []],
  ["/srv/fn.zip", []],
])("a file is elsewhere if no other step is given it: %s", (path, found) => {
  expect(findElsewhere(plan(path), outside).map((one) => one.path)).toEqual(found);
});
