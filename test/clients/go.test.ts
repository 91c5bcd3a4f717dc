import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { goEnvironment } from "../support/go-environment.ts";
import type { Program } from "../support/programs.ts";
import { usePrivateServer } from "./private-server.ts";
import { hasTools, type Language, usePlace } from "./recipe.ts";
import { edges, walk } from "./walk.ts";

const examples = [
  {
    folder: "go",
    greeting: "Привет из Go",
    codes: ["InvalidArgument", "AlreadyExists", "DeadlineExceeded", "Canceled", "Unavailable"],
  },
  {
    folder: "go-connect",
    greeting: "Привет из connect-go",
    codes: ["invalid_argument", "already_exists", "deadline_exceeded", "canceled", "unavailable"],
  },
] as const;

const language = (folder: string): Language => ({
  folder,
  tools: { "go 1.26": ["go", "version"], buf: ["buf", "--version"] },
  env: goEnvironment,
});

describe.skipIf(!hasTools(language("go")))("in an empty folder, by its recipe,", () => {
  describe.each(examples)("examples/clients/$folder", ({ folder, greeting, codes }) => {
    const [invalid, exists, late, canceled, unavailable] = codes;
    const place = usePlace(language(folder));
    const at = usePrivateServer();
    const start = (program: string, args: readonly string[]): Program => place.start(program, args, at.env);

    test("walks from a pool to an applied run, over a restart of the server", async () => {
      expect(await walk({ at, place, start: (args) => start("./walk", args) })).toEqual([
        "page 1: a b",
        "page 2: c d",
        "page 3: walk",
        "agent.token is ready for an agent",
        expect.stringMatching(/^uploaded 50\d{5} bytes$/),
        `RUN: ${greeting}`,
        "RUN is RUN_STATE_PLAN_QUEUED",
        "RUN is RUN_STATE_PLANNED",
        expect.stringMatching(/^plan\.log: \d+ bytes, 0 lost$/),
        "RUN is RUN_STATE_APPLIED",
        expect.stringMatching(/^apply\.log: \d+ bytes, 0 lost$/),
      ]);
    });

    test("says why it is refused, with the facts", async () => {
      const again = start("./walk", ["configuration"]);
      expect(await again.ended).toMatchObject({ code: 1 });
      expect(again.stderr()).toMatch(
        new RegExp(`^refused: ${exists} NAME_TAKEN name=walk resource=.*\n {2}there is already`),
      );
    });

    test.runIf(folder === "go")(
      "is built with the module of a release, which is what the recipe generates",
      async () => {
        const pack = join(import.meta.dirname, "../../scripts/release-go");
        expect(
          (await place.start(pack, [join(place.folder, "out")], { WINDLASS_RELEASE_VERSION: "1.2.3" }).ended).code,
        ).toBe(0);
        const unpack =
          "tar xzf out/windlass-go-1.2.3.tar.gz && diff -r gen windlass-go-1.2.3 | grep -v ^Only; sed 's,=> ./gen,=> ./windlass-go-1.2.3,' go.mod > with.mod; cp go.sum with.sum; go build -modfile with.mod -o with .";
        const built = place.start("sh", ["-c", unpack], {});
        expect(await built.ended, built.stderr()).toMatchObject({ code: 0 });
        expect(built.stdout()).toBe("");
      },
    );

    test.runIf(folder === "go")("knows the rules of the protos before it sends anything", async () => {
      const wrong = start("./walk", ["configuration", "A B"]);
      expect(await wrong.ended).toMatchObject({ code: 1 });
      expect(wrong.stderr()).toMatch(
        /^not sent: validation error.*name: does not match regex pattern `\^\[A-Za-z0-9_\]/s,
      );
    });

    test("sees fields, deadlines, cancels and a killed server as gRPC says, and its retries get over that", async () => {
      await cp(join(import.meta.dirname, folder), join(place.folder, "edges"), { recursive: true });
      const built = place.start("go", ["build", "-o", "bin/", "./edges"], {});
      expect(await built.ended, built.stderr()).toMatchObject({ code: 0 });
      expect(await edges({ at, place, start: (args) => start("bin/edges", args) })).toEqual([
        `refused: ${invalid} VALIDATION`,
        expect.stringMatching(/^ {2}name: expected 1 to 63 letters.*, got "A B"$/),
        expect.stringMatching(/^ {2}description: .*1024/),
        `with another authority: ${unavailable}`,
        "created RUN",
        `late: ${late}`,
        `canceled: ${canceled}`,
        "RUN is RUN_STATE_PLAN_QUEUED",
        "RUN is RUN_STATE_CANCELED",
        "failed with retries: 0",
        ...(folder === "go" ? ["some failed without: true"] : []),
      ]);
    });
  });
});
