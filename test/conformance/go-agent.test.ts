import { join } from "node:path";
import { describe, test } from "vitest";
import { buildAgent, hasTools } from "./example-agent.ts";
import { conformanceMs, expectConformance } from "./expect-conformance.ts";

const agent = { folder: "go", tools: { "Go (golang)": ["go", "version"] } };
const buildMs = 10 * 60_000;

describe.skipIf(!hasTools(agent))("examples/agents/go", () => {
  test("is built by its recipe, and keeps every rule of the agents' protocol", {
    timeout: buildMs + conformanceMs,
  }, async () => {
    await using built = await buildAgent(agent);
    await expectConformance(join(built.directory, "windlass-agent-go"));
  });
});
