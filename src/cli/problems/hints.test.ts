import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/windlass/v1/error_reason_pb.ts";
import { ignoreRules } from "../../lib/archive/ignore-rules.ts";
import { parse } from "../shell/parse.ts";
import { hintsFor, reasonHints } from "./hints.ts";

const facts = { metadata: {}, command: (text: string) => `windlass ${text}` };

describe("hints by reason", () => {
  test("every reason of the API has at least one, and no more than a person reads", () => {
    expect(Object.keys(reasonHints).sort()).toEqual(Object.keys(ErrorReason).sort());
    for (const make of Object.values(reasonHints)) {
      expect(make(facts).length).toBeGreaterThan(0);
      expect(make(facts).length).toBeLessThanOrEqual(4);
    }
  });

  test("every command in them is one that exists, with flags that exist", async () => {
    const commands = Object.values(reasonHints).flatMap((make) => make(facts).map(({ command }) => command));
    const own = commands.filter((command) => command.startsWith("windlass ") && !command.includes("<"));
    for (const command of own) {
      const args = command.replace("--max-agents N", "--max-agents 5").split(" ").slice(1);
      await expect(parse(args), command).resolves.toMatchObject({});
    }
  });

  test("they name what the error names", () => {
    const metadata = { pool: "prod", workspaces: "network,dns", run_id: "run_1", workspace: "network" };
    const of = (reason: string) => hintsFor(reason, { ...facts, metadata })?.map(({ command }) => command);
    expect(of("POOL_NOT_GRANTED")?.[0]).toBe("windlass pool grant prod network dns");
    expect(of("POOL_IN_USE")).toContain("windlass pool unassign network dns");
    expect(of("WORKSPACE_LOCKED")).toEqual(["windlass run get run_1"]);
    expect(of("STATE_NOT_QUARANTINED")).toEqual(["windlass state list network --quarantined"]);
    expect(of("NOT_ROTATABLE")).toEqual(["windlass token create --pool prod"]);
  });

  test.each([
    [{ resource: "terraform variable", workspace: "network" }, "windlass var list -w network"],
    [{ resource: "env variable", variable_set: "cloud" }, "windlass var list --set cloud"],
    [{ resource: "state version", workspace: "network" }, "windlass state list network"],
    [{ resource: "configuration version", workspace: "network" }, "windlass cv list -w network"],
  ])("what is not there is looked for where it was asked for: %j", (metadata, expected) => {
    expect(hintsFor("NOT_FOUND", { ...facts, metadata })?.map(({ command }) => command)).toEqual([expected]);
  });

  test.each<readonly [string, readonly string[]]>([
    ["planned", ["run get run_1", "run confirm run_1", "run discard run_1"]],
    ["errored", ["run get run_1", "run resolve run_1"]],
    ["applying", ["run get run_1", "run cancel run_1"]],
  ])("a workspace that a run in the state %s holds leads to what can end that", (run_state, expected) => {
    const held = { ...facts, metadata: { workspace: "network", run_id: "run_1", run_state } };
    expect(hintsFor("WORKSPACE_LOCKED", held)?.map(({ command }) => command)).toEqual(
      expected.map((text) => `windlass ${text}`),
    );
  });

  test.each([
    ["organization", "windlass org list"],
    ["agent pool", "windlass pool list"],
    ["agent token", "windlass token list"],
    ["agent", "windlass agent list"],
    ["providers setting", "windlass providers get"],
    ["workspace", "windlass workspace list"],
    ["terraform variable", "windlass var list -w WS"],
    ["env variable", "windlass var list -w WS"],
    ["variable set", "windlass varset list"],
    ["configuration version", "windlass cv list -w WS"],
    ["run", "windlass run list"],
    ["plan", "windlass run list"],
    ["state version", "windlass state list WS"],
    ["API key", "windlass apikey list"],
  ])("what is not there, %s, is listed by a command that exists", async (resource, wanted) => {
    const [hint] = hintsFor("NOT_FOUND", { ...facts, metadata: { resource, name: "x" } }) ?? [];
    expect(hint?.command).toBe(wanted);
    await expect(parse(wanted.split(" ").slice(1))).resolves.toMatchObject({ kind: "command" });
  });

  test.each(["back\\slash.txt", "line\nbreak", "it's", "!not", "#no", "a[b]*?c", "odd-\ufffd"])(
    "the line that it tells leaves %j out",
    (entry) => {
      const [hint] = hintsFor("ARCHIVE_REJECTED", { ...facts, metadata: { entry } }) ?? [];
      const [, line = ""] = /^echo '([^'\n]*)' >> .terraformignore$/.exec(hint?.command ?? "") ?? [];
      expect(ignoreRules(`${line}\n`, [])(entry).kind).not.toBe("kept");
      expect(ignoreRules(`${line}\n`, [])("main.tf").kind).toBe("kept");
    },
  );

  test("a reason of a newer server has none, so that its code decides", () => {
    expect(hintsFor("FLUX_EXHAUSTED", facts)).toBeUndefined();
  });
});
