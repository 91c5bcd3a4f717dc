import { expect, test } from "vitest";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";
import { callConfig } from "./config-command.ts";

const token = mintToken("agt", systemRandom);
const secrets = { WINDLASS_AGENT_TOKEN: token, WINDLASS_AGENT_ENGINE_MIRROR: "https://me:hunter2@mirror.example" };

function printed(argv: readonly string[], environment: Record<string, string> = {}): string {
  const call = callConfig(["print", ...argv], environment);
  if (call.kind !== "printed") throw new Error(JSON.stringify(call));
  return call.text;
}

test("settings are printed with where they come from, and secrets are not told", () => {
  const text = printed(["--labels", "zone=a,gpu", "--concurrency", "2", "--origin"], {
    ...secrets,
    STATE_DIRECTORY: "/state",
    WINDLASS_AGENT_SANDBOX: "none",
  });
  expect(text).not.toMatch(/hunter2|wdl_/);
  expect(text.split("\n")).toEqual(
    expect.arrayContaining([
      "concurrency: 2  # --concurrency",
      "labels: zone=a,gpu  # --labels",
      "sandbox: none  # WINDLASS_AGENT_SANDBOX",
      "data-dir: /state  # STATE_DIRECTORY",
      "log-level: info  # default",
      '# WINDLASS_AGENT_TOKEN: "********"  # WINDLASS_AGENT_TOKEN',
      '# engine-mirror: "********"  # WINDLASS_AGENT_ENGINE_MIRROR',
    ]),
  );
});

test("as JSON they are texts, without a token or a connection", () => {
  const told = JSON.parse(printed(["-o", "json", "--data-dir", "/data"]));
  expect(told).toMatchObject({ address: "http://127.0.0.1:7070", "data-dir": "/data", "max-jobs": "0" });
  expect(told).not.toHaveProperty("WINDLASS_AGENT_TOKEN");
});

test.each([
  [[], { kind: "refused", message: 'expected windlass-agent config print, got ""' }],
  [["show"], { kind: "refused", message: 'expected windlass-agent config print, got "show"' }],
  [["print", "-o", "toml"], { kind: "refused", message: '-o: expected yaml or json, got "toml"' }],
  [["print", "twice"], { kind: "invalid", problems: ['unexpected argument "twice"'] }],
  [["print", "--origins"], { kind: "invalid", problems: [expect.stringContaining("--origin")] }],
  [["print", "--concurrency", "0"], { kind: "invalid", problems: [expect.stringContaining("--concurrency")] }],
  [["print", "--help"], { kind: "help" }],
])("%j is answered with %j", (argv, expected) => {
  expect(callConfig(argv, {})).toEqual(expected);
});

test("a variable that is nobody's is told, as at a start", () => {
  expect(callConfig(["print"], { WINDLASS_AGENT_CONCURENCY: "2" })).toMatchObject({ kind: "invalid" });
});
