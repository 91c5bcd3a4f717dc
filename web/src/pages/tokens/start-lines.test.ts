import { expect, test } from "vitest";
import { type StartKind, startSteps } from "./start-lines.ts";

const kinds: readonly StartKind[] = ["program", "systemd", "docker", "kubernetes"];
const place = { address: "https://tf.example.com:7070", organization: "acme", pool: "prod" };

test.each(kinds)("%s: every start names the server and a file with the token, and has room for no secret", (kind) => {
  const text = startSteps(kind, place)
    .map((step) => step.text)
    .join("\n");
  expect(text).toContain(place.address);
  expect(text).toMatch(/--token-file,? [\w/-]*agent-token/);
  expect(text).not.toMatch(/--token |WINDLASS_AGENT_TOKEN/);
});

test("scaling asks for the jobs of this pool", () => {
  const [, , scaled] = startSteps("kubernetes", place);
  expect(scaled?.text).toContain('windlass_pool_jobs{organization="acme",pool="prod",state="queued"}');
});
