import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../../test/support/manual-clock.ts";
import type { JobLog } from "../../jobs/log.ts";
import { PackageProgress, packageName, progressText } from "./package-progress.ts";

let directory: string;
let followed: { readonly path: string; readonly ended: Promise<unknown> }[];
let clock: ManualClock;
const log = () =>
  ({ follow: (section: (typeof followed)[number]) => void followed.push(section) }) as unknown as JobLog;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-progress-"));
  followed = [];
  clock = new ManualClock();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const path = () => join(directory, "packages.log");
const open = () => new PackageProgress(path(), { log: log(), clock });

test.each([
  ["registry.terraform.io/hashicorp/random", "3.9.0", "random 3.9.0"],
  ["registry.terraform.io/hashicorp/random", "", "random"],
  ["random", "1", "random 1"],
])("%s %s is called %s", (address, version, name) => {
  expect(packageName({ address, version })).toBe(name);
});

test.each([
  [{ bytes: 12e6, totalBytes: 88e6 }, "12 of 88 MB"],
  [{ bytes: 1.26e6, totalBytes: 9.9e6 }, "1.3 of 9.9 MB"],
  [{ bytes: 0, totalBytes: 10e6 }, "0 of 10 MB"],
  [{ bytes: 12.34e6, totalBytes: undefined }, "12.3 MB so far"],
  // Who sends more than they said does not know how much it is.
  [{ bytes: 12e6, totalBytes: 11e6 }, "12.0 MB so far"],
])("%j is told as %s", (progress, text) => {
  expect(progressText(progress)).toBe(text);
});

describe("lines of a log about providers", () => {
  test("are followed from the first one on, and end with an empty line", async () => {
    const progress = open();
    progress.say("one");
    progress.say("two");
    await progress[Symbol.asyncDispose]();
    expect(await readFile(path(), "utf8")).toBe("Windlass: one\nWindlass: two\n\n");
    expect(followed.map((section) => section.path)).toEqual([path()]);
    await followed[0]?.ended;
  });

  test("are none where there is nothing to say", async () => {
    await open()[Symbol.asyncDispose]();
    await expect(readFile(path())).rejects.toMatchObject({ code: "ENOENT" });
    expect(followed).toEqual([]);
  });

  test("of before a restart are shown again, if there are any", async () => {
    await open().again();
    expect(followed).toEqual([]);
    await writeFile(path(), "Windlass: one\n");
    await open().again();
    expect(followed.map((section) => section.path)).toEqual([path()]);
  });

  test("say every ten seconds how far a download is, until it is over", async () => {
    const progress = open();
    const running = { progress: { bytes: 1e6, totalBytes: 50e6 } };
    const shown = progress.show("random 3.9.0", running);
    await clock.advance(10_000);
    running.progress = { bytes: 30e6, totalBytes: 50e6 };
    await clock.advance(10_000);
    shown[Symbol.dispose]();
    await clock.advance(60_000);
    await progress[Symbol.asyncDispose]();
    expect(await readFile(path(), "utf8")).toBe(
      "Windlass: fetching random 3.9.0: 1 of 50 MB\nWindlass: fetching random 3.9.0: 30 of 50 MB\n\n",
    );
    expect(clock.sleeping).toBe(0);
  });

  test("of a download that is still under way end with the job", async () => {
    const progress = open();
    progress.show("random", { progress: { bytes: 1, totalBytes: undefined } });
    await progress[Symbol.asyncDispose]();
    await clock.advance(60_000);
    await expect(readFile(path())).rejects.toMatchObject({ code: "ENOENT" });
  });
});
