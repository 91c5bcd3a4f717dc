import { describe, expect, test } from "vitest";
import { fieldName } from "./field-names.ts";
import { parse } from "./parse.ts";

async function nameIn(line: string, path: string): Promise<string> {
  const request = await parse(line.split(" "));
  if (request.kind !== "command") throw new Error("no command");
  return fieldName(path, request.command);
}

describe("a field of a request is named as on the command line", () => {
  test.each([
    ["pool create Prod!", "name", "NAME"],
    ["ws edit net --engine-version x", "changes.engine_version", "--engine-version"],
    ["ws edit net --tag A", "changes.tags[0]", "--tag"],
    ["ws create net --share-state-with a", "workspace.remote_state_consumers", "--share-state-with"],
    ["ws create net --pool x", "workspace.agent_pool", "--pool"],
    ["run start net --target a", "options.targets[3]", "--target"],
    ["run start net --var a=b", "options.variables[0].key", "--var"],
    ["run start net", "message", "--message"],
    ["token create --pool p --name x", "description", "--name"],
    ["token create --pool p", "expires_in", "--expires"],
    ["org get acme", "some_thing.else_where", "else where"],
  ])("%s: %s is %s", async (line, path, name) => expect(await nameIn(line, path)).toBe(name));
});
