import { appendFile, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { silentLog } from "../../lib/program/log.ts";
import { SpoolLog } from "../steps/spool-log.ts";
import { JobLog, type JobLogOptions, type Secrets, type Spool } from "./log.ts";

describe("the log of a job", () => {
  let dir: string;
  const clock = new ManualClock();
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "windlass-log-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const options = (secrets: Secrets | Promise<Secrets>, more: Partial<JobLogOptions> = {}): JobLogOptions => ({
    spoolPath: join(dir, "spool"),
    rawDir: dir,
    secrets: Promise.resolve(secrets),
    maxBytes: 0,
    onGrowth: () => {},
    clock,
    log: silentLog(),
    stopping: new AbortController().signal,
    ...more,
  });
  const spooled = () => readFile(join(dir, "spool"), "utf8");
  const ended = Promise.resolve();

  test("is its sections in order, without the secrets", async () => {
    await writeFile(join(dir, "plan.out"), "the key is hunter2-hunter2\n");
    await using log = await JobLog.open(options(["hunter2-hunter2"]));
    await log.say("00", () => "first\n");
    log.follow({ path: join(dir, "plan.out"), ended });
    await log.say("99", () => "last\n");
    const { bytes, isWhole } = await log.finish();
    expect(await spooled()).toBe("first\nthe key is (sensitive value)\nlast\n");
    expect({ bytes, isWhole }).toEqual({ bytes: (await spooled()).length, isWhole: true });
    expect(Buffer.from(await log.view.read(6, 7)).toString()).toBe("the key");
  });

  test("is the same after a restart at any point: what is spooled is passed over", async () => {
    await writeFile(join(dir, "plan.out"), "one\ntwo\n");
    const sections = async (log: JobLog) => {
      await log.say("00", () => `heading ${Math.trunc(1e9)}\n`);
      log.follow({ path: join(dir, "plan.out"), ended });
      return log.finish();
    };
    const first = await (async () => {
      await using log = await JobLog.open(options([]));
      return await sections(log);
    })();
    const whole = await spooled();
    for (const length of [0, 3, whole.length - 1, whole.length]) {
      await writeFile(join(dir, "spool"), whole.slice(0, length));
      await using log = await JobLog.open(options([]));
      expect((await sections(log)).sha256).toBe(first.sha256);
      expect(await spooled()).toBe(whole);
    }
  });

  test("what we say is said once: after a restart the first words count", async () => {
    for (const words of ["first\n", "other\n"]) {
      await using log = await JobLog.open(options([]));
      await log.say("00", () => words);
      await log.finish();
    }
    expect(await spooled()).toBe("first\n");
  });

  test("is cut at its limit with a notice, and what follows is read all the same", async () => {
    await writeFile(join(dir, "apply.out"), `${"x".repeat(1000)}\n{"@level":"info","@message":"m","type":"log"}\n`);
    const events: string[] = [];
    await using log = await JobLog.open(options([], { maxBytes: 500 }));
    log.follow({ path: join(dir, "apply.out"), ended, observe: ({ type }) => events.push(type) });
    const { bytes } = await log.finish();
    expect(bytes).toBe(500);
    expect(await spooled()).toMatch(/^x+\nWindlass: the log is cut here: it has reached its limit of 500 bytes/);
    expect(events).toEqual(["log"]);
  });

  test("an output that a job has made endless is read up to a bound, and the log ends", async () => {
    await writeFile(join(dir, "plan.out"), "first\n");
    await truncate(join(dir, "plan.out"), 60 * 1024 ** 3);
    await using cut = await JobLog.open(options([], { maxBytes: 200_000 }));
    cut.follow({ path: join(dir, "plan.out"), ended });
    expect((await cut.finish()).bytes).toBe(200_000);
    const spoolPath = join(dir, "other");
    await using unlimited = await JobLog.open(options([], { spoolPath, maxReadBytes: 1_000_000 }));
    unlimited.follow({ path: join(dir, "plan.out"), ended, observe: () => {} });
    expect((await unlimited.finish()).bytes).toBeLessThan(1_200_000);
    expect((await readFile(spoolPath, "utf8")).slice(-80)).toContain("this output is too long to be read on");
  });

  test("what a job has put in the place of an output is never read", async () => {
    await symlink("/dev/zero", join(dir, "plan.out"));
    await using log = await JobLog.open(options([]));
    log.follow({ path: join(dir, "plan.out"), ended });
    expect((await log.finish()).bytes).toBe(0);
  });

  test("nothing is shown while nobody knows what must not be seen", async () => {
    const secrets = Promise.withResolvers<Secrets>();
    await using log = await JobLog.open(options(secrets.promise));
    await log.say("00", () => "hidden-hidden\n");
    expect(log.view.end).toBe(0);
    secrets.resolve(undefined);
    await log.finish();
    expect(await spooled()).toContain("the rest of this log is withheld");
    expect(await spooled()).not.toContain("hidden-hidden");
  });

  test("a full disk makes it wait, and it goes on when there is space again", async () => {
    const real = await SpoolLog.open(join(dir, "spool"));
    let failures = 3;
    const spool = withAppend(real, () => {
      if (failures-- > 0) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    });
    await using log = await JobLog.open(options([]), spool);
    await log.say("00", () => "patience\n");
    const finishing = log.finish();
    await vi.waitFor(async () => {
      await clock.advance(1_000);
      expect(failures).toBeLessThan(0);
    });
    expect(await finishing).toMatchObject({ isWhole: true, wasDiskFull: true });
    expect(await spooled()).toBe("patience\n");
  });

  test("a disk that stays full after terraform has ended cuts it off, and says so", async () => {
    const real = await SpoolLog.open(join(dir, "spool"));
    const spool = withAppend(real, () => {
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    });
    await appendFile(join(dir, "plan.out"), "never seen\n");
    await using log = await JobLog.open(options([]), spool);
    log.follow({ path: join(dir, "plan.out"), ended });
    let isOver = false;
    const finishing = log.finish().finally(() => {
      isOver = true;
    });
    await vi.waitFor(async () => {
      await clock.advance(10_000);
      expect(isOver).toBe(true);
    });
    expect(await finishing).toMatchObject({ bytes: 0, isWhole: false });
  });
});

function withAppend(real: SpoolLog, before: () => void): Spool {
  return {
    get end() {
      return real.end;
    },
    get sha256() {
      return real.sha256;
    },
    append: async (bytes) => {
      before();
      return real.append(bytes);
    },
    read: (offset, maxBytes) => real.read(offset, maxBytes),
    sync: () => real.sync(),
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
}
