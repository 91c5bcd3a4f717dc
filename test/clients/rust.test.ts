import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Program } from "../support/programs.ts";
import { usePrivateServer } from "./private-server.ts";
import { hasTools, type Language, usePlace } from "./recipe.ts";
import { edges, walk } from "./walk.ts";

const rust: Language = {
  folder: "rust",
  tools: { "cargo, Rust's": ["cargo", "--version"], "cc, a C compiler": ["cc", "--version"] },
  // Nothing of the example is compiled twice in the same folder.
  env: { CARGO_INCREMENTAL: "0" },
};

describe.skipIf(!hasTools(rust))("examples/clients/rust, by its recipe in an empty folder", () => {
  const place = usePlace(rust);
  const at = usePrivateServer();
  // What was compiled is kept for the next time: the dependencies alone, since the example's folder is another one then.
  afterAll(() => finish("clean", "--package", "windlass-client"));

  const start = (args: readonly string[], bin = "windlass-client"): Program =>
    place.start("cargo", ["run", "--locked", "--quiet", "--bin", bin, "--", ...args], at.env);

  async function finish(...args: readonly string[]): Promise<void> {
    const cargo = place.start("cargo", args, {});
    expect(await cargo.ended, cargo.stderr()).toMatchObject({ code: 0 });
  }

  test("walks from a pool to an applied run, over a restart of the server", async () => {
    expect(await walk({ at, place, start })).toEqual([
      "page 1: a b",
      "page 2: c d",
      "page 3: walk",
      "agent.token is ready for an agent",
      expect.stringMatching(/^uploaded 50\d{5} bytes$/),
      "RUN: Привет из Rust",
      "RUN is RUN_STATE_PLAN_QUEUED",
      "RUN is RUN_STATE_PLANNED",
      expect.stringMatching(/^plan\.log: \d+ bytes, 0 lost$/),
      "RUN is RUN_STATE_APPLIED",
      expect.stringMatching(/^apply\.log: \d+ bytes, 0 lost$/),
    ]);
  });

  test("says why it is refused, with the facts", async () => {
    const again = start(["configuration"]);
    expect(await again.ended).toMatchObject({ code: 1 });
    expect(again.stderr()).toMatch(/^refused: AlreadyExists NAME_TAKEN name=walk resource=.*\n {2}there is already/);
  });

  test("sees fields, deadlines, cancels and a killed server as gRPC says", async () => {
    await mkdir(join(place.folder, "src/bin"));
    await copyFile(join(import.meta.dirname, "./rust/edges.rs"), join(place.folder, "src/bin/edges.rs"));
    await finish("build", "--locked", "--bin", "edges");
    expect(await edges({ at, place, start: (args) => start(args, "edges") })).toEqual([
      "refused: InvalidArgument VALIDATION",
      expect.stringMatching(/^ {2}name: expected 1 to 63 letters.*, got "A B"$/),
      expect.stringMatching(/^ {2}description: .*1024/),
      expect.stringMatching(/^uploaded 50\d{5} bytes$/),
      "RUN: Привет из Rust",
      "late: Err(DeadlineExceeded)",
      "canceled",
      "RUN is RUN_STATE_PLAN_QUEUED",
      "RUN is RUN_STATE_CANCELED",
    ]);
  });
});
