import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Program } from "../support/programs.ts";
import { usePrivateServer } from "./private-server.ts";
import { hasTools, type Language, usePlace } from "./recipe.ts";
import { edges, walk } from "./walk.ts";

const java: Language = {
  folder: "java",
  tools: { "javac of a JDK from 17 on": ["javac", "--version"], "mvn (Maven)": ["mvn", "--version"] },
};

const classPath = "target/classes:target/lib/*";

describe.skipIf(!hasTools(java))("examples/clients/java, by its recipe in an empty folder", () => {
  const place = usePlace(java);
  const at = usePrivateServer();
  const start = (program: string, args: readonly string[]): Program =>
    place.start("java", ["-cp", classPath, `com.example.windlass.${program}`, ...args], at.env);

  test("walks from a pool to an applied run, over a restart of the server", async () => {
    expect(await walk({ at, place, start: (args) => start("Walk", args) })).toEqual([
      "page 1: a b",
      "page 2: c d",
      "page 3: walk",
      "agent.token is ready for an agent",
      expect.stringMatching(/^uploaded 50\d{5} bytes$/),
      "RUN: Привет из Java",
      "RUN is RUN_STATE_PLAN_QUEUED",
      "RUN is RUN_STATE_PLANNED",
      expect.stringMatching(/^plan\.log: \d+ bytes, 0 lost$/),
      "RUN is RUN_STATE_APPLIED",
      expect.stringMatching(/^apply\.log: \d+ bytes, 0 lost$/),
    ]);
  });

  test("says why it is refused, with the facts", async () => {
    const again = start("Walk", ["configuration"]);
    expect(await again.ended).toMatchObject({ code: 1 });
    expect(again.stderr()).toMatch(/^refused: ALREADY_EXISTS NAME_TAKEN name=walk resource=.*\n {2}there is already/);
  });

  test("sees fields, deadlines, cancels and a killed server as gRPC says, and its retries get over that", async () => {
    const source = join(import.meta.dirname, "./java/Edges.java");
    const built = place.start("javac", ["--release", "17", "-cp", classPath, "-d", "target/classes", source], {});
    expect(await built.ended, built.stderr()).toMatchObject({ code: 0 });
    expect(await edges({ at, place, start: (args) => start("Edges", args) })).toEqual([
      "refused: INVALID_ARGUMENT VALIDATION",
      expect.stringMatching(/^ {2}name: expected 1 to 63 letters.*, got "A B"$/),
      expect.stringMatching(/^ {2}description: .*1024/),
      "with another authority: UNAVAILABLE",
      expect.stringMatching(/^uploaded 50\d{5} bytes$/),
      "RUN: Привет из Java",
      "late: DEADLINE_EXCEEDED",
      "canceled: CANCELLED",
      "RUN is RUN_STATE_PLAN_QUEUED",
      "RUN is RUN_STATE_CANCELED",
      "failed with retries: 0",
      "some failed without: true",
    ]);
  });
});
