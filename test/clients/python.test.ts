import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { Program } from "../support/programs.ts";
import { useStage } from "../support/stage.ts";
import { usePrivateServer } from "./private-server.ts";
import { hasTools, type Language, recipeOf, usePlace } from "./recipe.ts";
import { edges, walk } from "./walk.ts";

const python: Language = {
  folder: "python",
  tools: { "python3 with venv": ["python3", "-c", "import venv, ensurepip"] },
};

describe.skipIf(!hasTools(python))("examples/clients/python, by its recipe in an empty folder", () => {
  const place = usePlace(python);

  const start = (script: string, args: readonly string[], env: Readonly<Record<string, string>>): Program =>
    place.start("venv/bin/python", [script, ...args], {
      PYTHONPATH: place.folder,
      PYTHONDONTWRITEBYTECODE: "1",
      ...env,
    });
  const ours = (script: string) => resolve(import.meta.dirname, "python", script);

  test("docs/api.md shows the same recipe", async () => {
    const page = await readFile(resolve(import.meta.dirname, "../../docs/api.md"), "utf8");
    expect(page.replaceAll(/^ +/gm, "")).toContain((await recipeOf(python)).replaceAll(/^ +/gm, ""));
  });

  test("the package of a release has all that the walk imports, with types, and is the same twice", async () => {
    const [one, two] = [resolve(place.folder, "one"), resolve(place.folder, "two")];
    const env = { WINDLASS_PYTHON: resolve(place.folder, "venv/bin/python"), WINDLASS_RELEASE_VERSION: "1.2.3-rc.1" };
    const pack = resolve(import.meta.dirname, "../../scripts/release-python");
    for (const out of [one, two]) expect((await place.start(pack, [out], env).ended).code).toBe(0);
    const name = "windlass-1.2.3rc1-py3-none-any.whl";
    expect((await readFile(resolve(one, name))).equals(await readFile(resolve(two, name)))).toBe(true);
    const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", "site", resolve(one, name)];
    expect((await place.start("venv/bin/python", install, {}).ended).code).toBe(0);
    const site = resolve(place.folder, "site");
    expect(await readFile(resolve(site, "windlass/v1/run_pb2.pyi"), "utf8")).toContain("class Run(_message.Message)");
    const said = await place.start("venv/bin/python", ["-c", "import windlass.v1.run_pb2 as r; print(r.__file__)"], {
      PYTHONPATH: site,
    });
    expect(await said.ended).toMatchObject({ code: 0 });
    expect(said.stdout()).toContain(site);
  });

  describe("with TLS of a private authority", () => {
    const at = usePrivateServer();

    test("the walk runs with the package alone", async () => {
      const walkFile = resolve(place.folder, "walk.py");
      const alone = place.start("venv/bin/python", [walkFile, "configuration", "A B"], {
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONSAFEPATH: "1",
        PYTHONPATH: resolve(place.folder, "site"),
        ...at.env,
      });
      expect(await alone.ended).toMatchObject({ code: 1 });
      expect(alone.stderr()).toMatch(/^not sent: name: does not match regex pattern/);
    });

    test("walks from a pool to an applied run, over a restart of the server", async () => {
      expect(await walk({ at, place, start: (args) => start("walk.py", args, at.env) })).toEqual([
        "page 1: a b",
        "page 2: c d",
        "page 3: walk",
        "agent.token is ready for an agent",
        expect.stringMatching(/^uploaded 50\d{5} bytes$/),
        "RUN: Привет из Python",
        "RUN is RUN_STATE_PLAN_QUEUED",
        "RUN is RUN_STATE_PLANNED",
        expect.stringMatching(/^plan\.log: \d+ bytes, 0 lost$/),
        "RUN is RUN_STATE_APPLIED",
        expect.stringMatching(/^apply\.log: \d+ bytes, 0 lost$/),
      ]);
    });

    test("says why it is refused, with the facts", async () => {
      const again = start("walk.py", ["configuration"], at.env);
      expect(await again.ended).toMatchObject({ code: 1 });
      expect(again.stderr()).toMatch(/^refused: ALREADY_EXISTS NAME_TAKEN name=walk resource=.*\n {2}there is already/);
    });

    test("knows the rules of the protos before it sends anything", async () => {
      const wrong = start("walk.py", ["configuration", "A B"], at.env);
      expect(await wrong.ended).toMatchObject({ code: 1 });
      expect(wrong.stderr()).toMatch(/^not sent: name: does not match regex pattern `\^\[A-Za-z0-9_\]/);
    });

    test("sees fields, deadlines, cancels and a killed server as gRPC says", async () => {
      expect(await edges({ at, place, start: (args) => start(ours("edges.py"), args, at.env) })).toEqual([
        "refused: INVALID_ARGUMENT VALIDATION",
        expect.stringMatching(/^ {2}name: expected 1 to 63 letters.*, got "A B"$/),
        expect.stringMatching(/^ {2}description: .*1024/),
        expect.stringMatching(/^uploaded 50\d{5} bytes$/),
        "RUN: Привет из Python",
        "late: DEADLINE_EXCEEDED",
        "canceled: CANCELLED",
        "RUN is RUN_STATE_PLAN_QUEUED",
        "RUN is RUN_STATE_CANCELED",
      ]);
    });
  });

  describe("in plaintext", () => {
    const stage = useStage();

    test("speaks one whole session of an agent", async () => {
      const { url, adminTokenFile } = stage.server;
      const env = { WINDLASS_ADDRESS: url, WINDLASS_TOKEN_FILE: adminTokenFile };
      const agent = start(ours("agent_session.py"), [], env);
      expect(await agent.ended, agent.stderr()).toMatchObject({ code: 0 });
      const said = agent
        .stdout()
        .split("\n")
        .filter((line) => line.startsWith("{"));
      expect(said.map((line): unknown => JSON.parse(line))).toEqual([
        { registered: expect.stringMatching(/^agent_/), pool: "py", protocol: 1 },
        { welcomed: 1 },
        { next_heartbeat_s: 10 },
        { offered: "py", phase: "JOB_PHASE_PLAN", epoch: 1 },
        { archive_is_whole: true },
        { granted: true },
        { log_acknowledged: 20 },
        { sealed: true },
        { ended: "OK" },
        { run: "RUN_STATE_PLANNED_AND_FINISHED", log: "Grüße from Python\n", complete: true },
      ]);
    });
  });
});
