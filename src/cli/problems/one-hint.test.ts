import { describe, expect, test } from "vitest";
import { withOneHint } from "./one-hint.ts";
import { CliError, type Hint } from "./problem.ts";

const hint = (command: string): Hint => ({ label: "Do", command });
const shown = (
  hints: readonly Hint[],
  path: readonly string[],
  args: readonly string[] = path,
  message = "it failed",
) =>
  withOneHint(new CliError("conflict", message, { hints }).problem, { path, args }).hints.map(({ command }) => command);

describe("of the hints", () => {
  test("the first is shown", () =>
    expect(shown([hint("windlass run get x"), hint("windlass whoami")], ["pool", "list"])).toEqual([
      "windlass run get x",
    ]));
  test.each([
    ["status", ["status"], ["status", "-o", "json"]],
    ["run cancel run_1 --force", ["run", "cancel"], ["runs", "cancel", "run_1", "--force", "--yes"]],
    ["workspace unlock network", ["workspace", "unlock"], ["ws", "unlock", "network"]],
  ])("%s is none when it has just failed", (command, path, args) =>
    expect(shown([hint(`windlass ${command}`), hint("windlass whoami")], path, args)).toEqual(["windlass whoami"]),
  );
  test("the same command with what was not typed is one", () =>
    expect(shown([hint("windlass login ADDRESS --token-stdin < FILE")], ["login"])).toHaveLength(1));
  test("what the message says already is none", () =>
    expect(
      shown([hint("windlass pool grant a b")], ["pool", "assign"], [], "Grant it: windlass pool grant a b"),
    ).toEqual([]));
  test("help is the command's own", () =>
    expect(shown([hint("windlass --help")], ["pool", "create"])).toEqual(["windlass pool create --help"]));
  test("of what to do about a run that goes on, all are shown", () => {
    const { problem } = new CliError("stillWaiting", "it waits", { hints: [hint("a"), hint("b")] });
    expect(withOneHint(problem, { path: [], args: [] }).hints).toHaveLength(2);
  });
});
