import { describe, test } from "vitest";
import { buildAgent, cargoProgram, hasTools } from "./example-agent.ts";
import { conformanceMs, expectConformance } from "./expect-conformance.ts";

const agent = {
  folder: "rust",
  tools: { "Rust (rustup)": ["cargo", "--version"], "a C compiler": ["cc", "--version"] },
};
const buildMs = 25 * 60_000;

describe.skipIf(!hasTools(agent))("examples/agents/rust", () => {
  test("is built by its recipe, and keeps every rule of the agents' protocol", {
    timeout: buildMs + conformanceMs,
  }, async () => {
    await using built = await buildAgent(agent);
    await expectConformance(await cargoProgram(built, "windlass-agent-rust"));
  });
});
