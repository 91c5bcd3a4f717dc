import { RunPhase } from "../../src/gen/windlass/v1/run_pb.ts";
import { missingChromium, openChromium, type Visitor } from "../../test/support/chromium.ts";
import type { Scene, TestServer } from "../../test/support/scene.ts";
import { appendedLines, type LongLog, longLog } from "./long-log.ts";
import { now, shareOf } from "./timing.ts";

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
  readonly bytes: number;
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

/** The log pane in a real browser with a log of 200,000 lines, beside what a page needs that only has chunks of text. */
export async function logTable(scene: Scene, server: TestServer): Promise<string> {
  if (missingChromium !== undefined) return `log pane: not measured, ${missingChromium}`;
  return tableOf(await measure(scene, server));
}

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
  const { bytes } = log;
  const searches = await searchMs(server, log);
  const counts = await metrics.counts();
  return { bytes, mounts, computedMs, appendMs, wheelMs, jumpMs, searchMs: searches, elements, ...counts };
}

function tableOf({ bytes, mounts, ...measured }: Measured): string {
  const ms = (samples: readonly number[], share = 0.5) => `${Math.round(shareOf(samples, share))} ms`;
  const ends = (samples: readonly number[]) => `${ms(samples, 0.95)} / ${ms(samples, 1)}`;
  const first = mounts.map(({ firstMs }) => firstMs);
  const whole = mounts.map(({ wholeMs }) => wholeMs);
  const count = (value: number) => value.toLocaleString("en");
  const size = `${count(lines)} lines, ${(bytes / 1e6).toFixed(1)} MB`;
  return [
    `log pane, ${size}, of a run that goes on; p50 of ${rounds} unless it says otherwise`,
    row("", "measured", "goal", "reference"),
    row("navigation → first lines shown", ms(first), "≤ 500 ms", "–"),
    row("navigation → all lines there", ms(whole), "≤ 3,000 ms", "174–237 ms from memory"),
    row("what the page computes for that", ms(measured.computedMs), "≤ 2,000 ms", "–"),
    row("frame of a scroll by wheel, p95 / max", ends(measured.wheelMs), "≤ 20 ms p95", "17 / 17–19 ms"),
    row("frame of a jump through the log, p95 / max", ends(measured.jumpMs), "≤ 50 ms p95", "–"),
    row(`longest frame while ${appendedLines} lines are appended`, ms(measured.appendMs), "≤ 20 ms", "16 ms"),
    row("elements of the page", count(measured.elements), "–", "–"),
    row("nodes of the page", count(measured.nodes), "–", "73,579"),
    row("heap of scripts", `${Math.round(measured.heapBytes / 1e6)} MB`, "≤ 100 MB", "16 MB"),
    row("search on the server", ms(measured.searchMs), "≤ 500 ms", "–"),
    "reference: 100,000 lines of text in chunks, from memory, without a server; 500,000 lines: 737 ms",
  ].join("\n");
}

const row = (what: string, measured: string, goal: string, reference: string): string =>
  `  ${what.padEnd(46)}${measured.padEnd(18)}${goal.padEnd(14)}${reference}`;

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
    const start = now();
    await api.clients.runs.searchRunLogs({ runId, phase: RunPhase.PLAN, text: "application[19999]" });
    took.push(now() - start);
  }
  return took;
}
