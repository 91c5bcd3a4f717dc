import { RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import { missingChromium, openChromium, type Visitor } from "../../../test/support/chromium.ts";
import type { Scene, TestServer } from "../../../test/support/scene.ts";
import { appendedLines, type LongLog, longLog } from "../long-log.ts";
import type { Bench, Goal, Part, Row, Unit } from "../part.ts";
import { timed } from "../timing.ts";

const lines = 200_000;

/** Runs before anything of the page: notes when the first lines are painted, and when the last one is. */
const watchMount = `(() => {
  window.mounted = new Promise((resolve) => {
    let firstMs;
    const look = () => {
      const last = document.querySelector("[data-testid=log]")?.lastElementChild?.lastElementChild?.lastElementChild;
      if (last) firstMs ??= performance.now();
      if (Number(last?.dataset.n) >= ${lines}) resolve({ firstMs, wholeMs: performance.now() });
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
})()`;

interface Mount {
  readonly firstMs: number;
  readonly wholeMs: number;
}

/** Moves the box with each frame, and answers how long the frames were. */
const scroll = (stepPx: string, frames: number): string => `new Promise((resolve) => {
  const box = document.querySelector("[data-testid=log]");
  const step = ${stepPx};
  const took = [];
  let before;
  box.scrollTop = 0;
  const move = (at) => {
    if (before !== undefined) took.push(at - before);
    before = at;
    if (took.length >= ${frames}) return resolve(took);
    box.scrollTop += step;
    requestAnimationFrame(move);
  };
  requestAnimationFrame(() => requestAnimationFrame(move));
})`;

/** Answers the longest frame until a line of that number is there. */
const longestFrameUntil = (line: number): string => `new Promise((resolve) => {
  let before;
  let longest = 0;
  const look = (at) => {
    if (before !== undefined) longest = Math.max(longest, at - before);
    before = at;
    const last = document.querySelector("[data-testid=log]").lastElementChild.lastElementChild.lastElementChild;
    const isThere = Number(last.dataset.n) >= ${line};
    // The frame in which it is painted counts, too.
    if (isThere) requestAnimationFrame((end) => resolve(Math.max(longest, end - before)));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})`;

const wheelFrames = 300;
const jumpFrames = 100;
const rounds = 5;

interface Measured {
  readonly mounts: readonly Mount[];
  /** What the main thread computes for a mount. */
  readonly computedMs: readonly number[];
  readonly appendMs: readonly number[];
  readonly wheelMs: readonly number[];
  readonly jumpMs: readonly number[];
  readonly searchMs: readonly number[];
  readonly elements: number;
  readonly nodes: number;
  readonly heapBytes: number;
}

export const logPane: Part = {
  name: "log",
  about: "the log pane in a real browser: 200,000 lines of a run that goes on",
  usualSeconds: 60,
  measure: async ({ scene, sqlite }: Bench) => {
    const what = "log pane in Chromium";
    if (missingChromium !== undefined) return [{ kind: "missing", what, why: missingChromium }];
    return rowsOf(await measure(scene, await sqlite.server(scene)));
  },
};

async function measure(scene: Scene, server: TestServer): Promise<Measured> {
  await using log = await longLog(scene, server, lines);
  await using chromium = await openChromium();
  await using somebody = await chromium.admin(server);
  const { page } = somebody;
  page.setDefaultTimeout(30_000);
  await page.addInitScript(watchMount);
  const metrics = await PageMetrics.open(page);
  const mounts: Mount[] = [];
  const computedMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await page.goto("about:blank");
    const before = await metrics.computedMs();
    await somebody.open(`/o/default/runs/${log.runId}/plan-log`);
    mounts.push(await page.evaluate<Mount>("window.mounted"));
    computedMs.push((await metrics.computedMs()) - before);
  }
  const appendMs = await appendedMs(page, log);
  const wheelMs = await page.evaluate<number[]>(scroll("400", wheelFrames));
  const jumpMs = await page.evaluate<number[]>(scroll(`box.scrollHeight / ${jumpFrames}`, jumpFrames));
  const elements = await page.evaluate<number>("document.querySelectorAll('*').length");
  const searches = await searchMs(server, log);
  const counts = await metrics.counts();
  return { mounts, computedMs, appendMs, wheelMs, jumpMs, searchMs: searches, elements, ...counts };
}

function rowsOf({ mounts, ...measured }: Measured): readonly Row[] {
  const most = (value: number): Goal => ({ kind: "at most", value });
  const rows: readonly (readonly [string, readonly number[], Goal | undefined, number?, Unit?])[] = [
    ["navigation → first lines shown", mounts.map(({ firstMs }) => firstMs), most(500)],
    ["navigation → all lines there", mounts.map(({ wholeMs }) => wholeMs), most(3_000)],
    ["what the page computes for that", measured.computedMs, most(2_000)],
    ["frame of a scroll by wheel, p95", measured.wheelMs, most(20), 0.95],
    ["frame of a jump through the log, p95", measured.jumpMs, most(50), 0.95],
    [`longest frame while ${appendedLines} lines are appended`, measured.appendMs, most(20)],
    ["elements of the page", [measured.elements], undefined, 0.5, ""],
    ["nodes of the page", [measured.nodes], undefined, 0.5, ""],
    ["heap of scripts", [measured.heapBytes / 2 ** 20], most(100), 0.5, "MiB"],
    ["search on the server", measured.searchMs, most(500)],
  ];
  return rows.map(([what, samples, goal, share = 0.5, unit = "ms"]) => ({
    kind: "measured",
    ...{ what, samples, goal, share, unit },
  }));
}

/** Of each append, while the pane follows. */
async function appendedMs(page: Visitor["page"], log: LongLog): Promise<readonly number[]> {
  const took: number[] = [];
  let last = await page.evaluate<number>(
    "Number(document.querySelector('[data-testid=log]').lastElementChild.lastElementChild.lastElementChild.dataset.n)",
  );
  for (let round = 0; round < rounds; round++) {
    last += appendedLines;
    const seen = page.evaluate<number>(longestFrameUntil(last));
    await log.append();
    took.push(await seen);
  }
  return took;
}

/** Counts of the page, and what its main thread has computed so far; that does not depend on the load of the machine. */
class PageMetrics {
  readonly #devtools: Devtools;

  private constructor(devtools: Devtools) {
    this.#devtools = devtools;
  }

  static async open(page: Visitor["page"]): Promise<PageMetrics> {
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    return new PageMetrics(devtools);
  }

  async computedMs(): Promise<number> {
    return (await this.#read())("TaskDuration") * 1000;
  }

  async counts(): Promise<{ readonly nodes: number; readonly heapBytes: number }> {
    await this.#devtools.send("HeapProfiler.collectGarbage");
    const of = await this.#read();
    return { nodes: of("Nodes"), heapBytes: of("JSHeapUsedSize") };
  }

  async #read(): Promise<(name: string) => number> {
    const { metrics } = await this.#devtools.send("Performance.getMetrics");
    return (name) => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
  }
}

type Devtools = Awaited<ReturnType<ReturnType<Visitor["page"]["context"]>["newCDPSession"]>>;

async function searchMs({ api }: TestServer, { runId }: LongLog): Promise<readonly number[]> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const text = "application[19999]";
    took.push(await timed(() => api.clients.runs.searchRunLogs({ runId, phase: RunPhase.PLAN, text })));
  }
  return took;
}
