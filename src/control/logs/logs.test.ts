import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Job } from "../../domain/runs/job.ts";
import { maxAppendBytes, maxReadTimes } from "../../store/ports/logs.ts";
import { followLog } from "../runs/logs.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import type { LogHit } from "./line-cutter.ts";
import { LineStarts } from "./line-starts.ts";
import { getLogLines } from "./lines.ts";
import { type SearchRequest, searchLog } from "./search.ts";

const mib = 1024 * 1024;

let held: AsyncDisposableStack;
let fixture: TestControl;
let job: Job;

beforeEach(async () => {
  held = new AsyncDisposableStack();
  fixture = held.use(await openTestControl({ hasLogs: true }));
  const { workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("dns"));
  const run = runRow(workspace, { status: "planning" });
  job = jobRow(run, { status: "started", epoch: 1, attempt: 1 });
  await fixture.control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
});
afterEach(() => held.disposeAsync());

async function logged(...parts: readonly (string | Uint8Array)[]): Promise<Buffer> {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const stream = `${job.id}/${job.epoch}`;
  const begin = await fixture.control.logs.nextOffset(stream);
  for (let from = 0; from < bytes.length; from += maxAppendBytes)
    await fixture.control.logs.append(stream, begin + from, bytes.subarray(from, from + maxAppendBytes));
  return bytes;
}

const plain = { matchesCase: false, isAtStart: false, isAtEnd: false };
const signal = AbortSignal.any([]);

const search = (text: string, over: Partial<SearchRequest["query"]> = {}, page = { size: 0, token: "" }) =>
  searchLog(fixture.control, fixture.as("reader"), {
    ...{ runId: job.runId, phase: "plan", query: { text, ...plain, ...over }, page, signal },
  });

const shown = ({ line, offset, text }: LogHit) => `${line} ${offset} ${text}`;
const found = async (...asked: Parameters<typeof search>) => (await search(...asked)).rows.map(shown);

describe("a search in a log", () => {
  test("tells number, offset and text of each line that has the text, in any case or in this one", async () => {
    await logged("Plan: 1 to add\nError: no such Zone\n\nnothing\nerror: again");
    expect(await found("error")).toEqual(["2 15 Error: no such Zone", "5 44 error: again"]);
    expect(await found("error", { matchesCase: true })).toEqual(["5 44 error: again"]);
    expect(await search("zones")).toMatchObject({ rows: [], count: 0, hasMore: false, nextToken: "", epoch: 1 });
  });

  test("escape sequences, marks that are not seen and returns at the end do not hide a hit, and are not shown", async () => {
    await logged("\u001b[1m\u001b[31mErr\u001b[0mor\u001b]8;;https://a.example\u0007: he\u200bre\u001b]8;;\u0007\r\n");
    expect(await found("error: here", { isAtStart: true, isAtEnd: true })).toEqual(["1 0 Error: here"]);
    expect(await found("31m")).toEqual([]);
  });

  test("can be bound to the beginning of lines, to their end, and to both", async () => {
    await logged("apply\napply complete\nplan, then apply\n");
    expect(await found("apply", { isAtStart: true })).toEqual(["1 0 apply", "2 6 apply complete"]);
    expect(await found("apply", { isAtEnd: true })).toEqual(["1 0 apply", "3 21 plan, then apply"]);
    expect(await found("apply", { isAtStart: true, isAtEnd: true })).toEqual(["1 0 apply"]);
  });

  test("is for text, not for a pattern; a character of more bytes may be cut anywhere", async () => {
    await logged("a.c\nabc\n", `${"é".repeat(200_000)}\n`, "(a+)+$ größe\n");
    expect(await found("a.c")).toEqual(["1 0 a.c"]);
    expect(await found("(A+)+$ GRÖSSE")).toEqual([]);
    expect(await found("(A+)+$ GRÖßE")).toEqual(["4 400009 (a+)+$ größe"]);
    expect((await search("é")).rows).toMatchObject([{ line: 3, isCutBefore: false, isCutAfter: true }]);
  });

  test("pages follow one another, whatever their size, and the count is that of all", async () => {
    await logged(Array.from({ length: 25 }, (_, n) => `${n % 2 === 0 ? "hit" : "miss"} ${n}\n`).join(""));
    const lines: number[] = [];
    for (let token = "", pages = 0; pages < 10; pages++) {
      const page = await search("hit", {}, { size: 3, token });
      expect(page).toMatchObject({ count: 13, hasMore: false });
      lines.push(...page.rows.map(({ line }) => line));
      token = page.nextToken;
      if (token === "") break;
    }
    expect(lines).toEqual(Array.from({ length: 13 }, (_, n) => 2 * n + 1));
    const page = await search("hit", {}, { size: 10, token: "" });
    const next = await search("hit", {}, { size: 10, token: page.tokenAfter(2) });
    expect(next.rows[0]?.line).toBe(5);
  });

  test("counts to 10,000 and says that there are more", async () => {
    await logged("x\n".repeat(10_500));
    const page = await search("x", {}, { size: 5, token: "" });
    expect([page.rows.length, page.count, page.hasMore]).toEqual([5, 10_000, true]);
    expect(await search("x", {}, { size: 5, token: page.nextToken })).toMatchObject({ count: 10_000, hasMore: true });
  });

  test("after its time it gives what it has found, and goes on from there", async () => {
    await logged(`needle\n${"hay\n".repeat(mib / 2)}needle\n`);
    const { control } = fixture;
    let nowMs = 0;
    const clock = { ...control.clock, now: () => control.clock.now(), monotonicMs: () => (nowMs += 2_000) };
    const hurried = { ...control, clock };
    const lines: number[] = [];
    const counts: unknown[] = [];
    let token = "";
    do {
      const request = { runId: job.runId, phase: "plan" as const, query: { text: "needle", ...plain } };
      const page = await searchLog(hurried, fixture.as("reader"), { ...request, page: { size: 0, token }, signal });
      lines.push(...page.rows.map(({ line }) => line));
      counts.push([page.count, page.hasMore]);
      token = page.nextToken;
    } while (token !== "" && counts.length < 20);
    expect(lines).toEqual([1, mib / 2 + 2]);
    expect(counts.length).toBeGreaterThan(2);
    expect([counts[0], counts.at(-1)]).toEqual([
      [1, true],
      [2, false],
    ]);
  });

  test("a line without an end is looked through in parts, is told once, and costs no more memory than a part", async () => {
    await logged(`${"-".repeat(300 * 1024 - 3)}needle${"-".repeat(2 * mib)}needle${"-".repeat(mib)}`, "\nneedle\n");
    const page = await search("needle");
    expect(page.rows.map(({ line, offset }) => [line, offset])).toEqual([
      [1, 0],
      [2, 300 * 1024 - 3 + 6 + 2 * mib + 6 + mib + 1],
    ]);
    expect(page.rows[0]).toMatchObject({ isCutBefore: true, isCutAfter: true });
    expect(page.rows[0]?.text).toHaveLength(1024);
    expect(page.rows[0]?.text).toContain("needle");
    expect(await found("--", { isAtEnd: true })).toHaveLength(1);
    expect(await found("--", { isAtStart: true })).toHaveLength(1);
    expect(await found("needle", { isAtStart: true })).toHaveLength(1);
  });

  test("a plan that is retried has a new log: a search that goes on begins anew in it", async () => {
    await logged("old hit\n".repeat(5));
    const page = await search("hit", {}, { size: 2, token: "" });
    job = { ...job, epoch: 2, attempt: 2 };
    await fixture.control.store.write((tx) => tx.jobs.save(job));
    await logged("new hit\n");
    expect(await search("hit", {}, { size: 2, token: page.nextToken })).toMatchObject({
      ...{ rows: [{ line: 1, text: "new hit" }], count: 1, hasMore: false, epoch: 2 },
    });
  });

  test("ends with its caller, and others see neither the run nor its log", async () => {
    await logged("hit\n");
    const request = { runId: job.runId, phase: "plan" as const, query: { text: "hit", ...plain } };
    const page = { size: 0, token: "" };
    const gone = AbortSignal.abort(new Error("gone"));
    const { control } = fixture;
    await expect(searchLog(control, fixture.as("reader"), { ...request, page, signal: gone })).rejects.toThrow("gone");
    const stranger = fixture.as("owner", fixture.sibling);
    await expect(searchLog(control, stranger, { ...request, page, signal })).rejects.toMatchObject({
      code: "not_found",
    });
    const apply = { ...request, phase: "apply" as const };
    expect(await searchLog(control, fixture.as("reader"), { ...apply, page, signal })).toMatchObject({
      rows: [],
      epoch: 0,
    });
    const bad = { size: 0, token: "xx" };
    await expect(search("hit", {}, bad)).rejects.toMatchObject({ code: "validation" });
  });
});

describe("lines of a log", () => {
  interface Wanted {
    readonly firstLine?: number;
    readonly offset?: number;
    readonly count?: number;
    readonly withTimes?: boolean;
  }
  const lines = async (wanted: Wanted) => {
    const { first, bytes, ...rest } = await getLogLines(fixture.control, fixture.as("reader"), {
      ...{ runId: job.runId, phase: "plan", firstLine: 0, offset: 0, count: 0, ...wanted },
      ...{ starts: new LineStarts(fixture.control.logs), signal },
    });
    return { ...first, text: Buffer.from(bytes).toString(), ...rest };
  };

  /** Logs each part a second after the one before it; gives the time of the first. */
  const loggedSlowly = async (parts: readonly string[]): Promise<number> => {
    const { clock, control } = fixture;
    const begin = clock.now().getTime();
    const stream = `${job.id}/${job.epoch}`;
    const appends: Promise<unknown>[] = [];
    let offset = await control.logs.nextOffset(stream);
    for (const part of parts) {
      appends.push(control.logs.append(stream, offset, Buffer.from(part)));
      offset += part.length;
      await clock.advance(1_000);
    }
    await Promise.all(appends);
    return begin;
  };

  test("come with the times at which they came, if that is asked for", async () => {
    const begin = await loggedSlowly(["one\ntwo\n", "three\n", "four\n"]);
    const at = (offset: number, seconds: number) => ({ offset, at: new Date(begin + seconds * 1_000) });
    expect((await lines({ withTimes: true })).times).toEqual([at(0, 0), at(8, 1), at(14, 2)]);
    expect((await lines({ withTimes: true, firstLine: 2, count: 1 })).times).toEqual([at(0, 0)]);
    expect((await lines({ withTimes: true, firstLine: 2, count: 2 })).times).toEqual([at(0, 0), at(8, 1)]);
    expect((await lines({ withTimes: true, firstLine: 4 })).times).toEqual([at(14, 2)]);
    expect((await lines({})).times).toEqual([]);
  });

  test("that have too many times for one answer are fewer; a line is told whole", async () => {
    await loggedSlowly(Array.from({ length: maxReadTimes + 5 }, () => "ab\n"));
    const first = await lines({ withTimes: true, count: 10_000 });
    expect([first.count, first.times.length, first.isEnd]).toEqual([maxReadTimes, maxReadTimes, false]);
    const rest = await lines({ withTimes: true, firstLine: maxReadTimes + 1, count: 10_000 });
    expect([rest.count, rest.times.length, rest.isEnd]).toEqual([5, 5, true]);
    await loggedSlowly([...Array.from({ length: maxReadTimes + 5 }, () => "."), "\n", "next\n"]);
    const dots = await lines({ withTimes: true, firstLine: maxReadTimes + 6, count: 10 });
    expect([dots.text, dots.count]).toEqual([`${".".repeat(maxReadTimes + 5)}\n`, 1]);
    expect(dots.times).toHaveLength(maxReadTimes);
  });

  test("and their times are told to those who follow, in pieces that have all of theirs", async () => {
    const begin = await loggedSlowly(Array.from({ length: maxReadTimes + 5 }, () => "ab\n"));
    const request = { runId: job.runId, phase: "plan" as const, offset: 4, follows: false, signal };
    const read = (withTimes: boolean) =>
      Array.fromAsync(followLog(fixture.control, fixture.as("reader"), { ...request, withTimes }));
    const pieces = await read(true);
    expect(pieces.map(({ offset, bytes, times }) => [offset, bytes.length, times.length])).toEqual([
      [4, 3 * (maxReadTimes + 1) - 4, maxReadTimes],
      [3 * (maxReadTimes + 1), 12, 4],
      [3 * (maxReadTimes + 5), 0, 0],
    ]);
    expect(pieces.flatMap(({ times }) => times)).toEqual(
      Array.from({ length: maxReadTimes + 4 }, (_, n) => ({
        offset: 3 * (n + 1),
        at: new Date(begin + (n + 1) * 1_000),
      })),
    );
    expect((await read(false)).map(({ bytes, times }) => [bytes.length, times])).toEqual([
      [3 * (maxReadTimes + 5) - 4, []],
      [0, []],
    ]);
  });

  test("are found by the number of the first, or by a byte in it", async () => {
    await logged("one\ntwo\n\nfour\nfive");
    expect(await lines({ firstLine: 2, count: 2 })).toEqual({
      ...{ line: 2, offset: 4, text: "two\n\n", count: 2, isEnd: false, epoch: 1, logBytes: 18, times: [] },
    });
    expect(await lines({ firstLine: 4 })).toMatchObject({
      line: 4,
      offset: 9,
      text: "four\nfive",
      count: 1,
      isEnd: true,
    });
    for (const offset of [4, 5, 7]) expect(await lines({ offset, count: 1 })).toMatchObject({ line: 2, text: "two\n" });
    expect(await lines({ offset: 8, count: 1 })).toMatchObject({ line: 3, text: "\n" });
    expect(await lines({ offset: 900 })).toMatchObject({ line: 5, text: "five", isEnd: true });
  });

  test("beyond the end there are none, and it says how many there are", async () => {
    expect(await lines({ firstLine: 7 })).toMatchObject({ line: 1, text: "", isEnd: true });
    await logged("one\ntwo\nthree");
    expect(await lines({ firstLine: 7 })).toMatchObject({ line: 4, offset: 13, text: "", isEnd: true });
    await logged("\n");
    expect(await lines({ firstLine: 7 })).toMatchObject({ line: 4, offset: 14, text: "", isEnd: true });
    expect(await lines({ firstLine: 4 })).toMatchObject({ line: 4, offset: 14, text: "", isEnd: true });
  });

  test("in a long log are the same whether something was looked for before or not", async () => {
    const line = (n: number) => `line ${String(n).padStart(95, "0")}\n`;
    await logged(...Array.from({ length: 120_000 }, (_, n) => line(n + 1)));
    const starts = new LineStarts(fixture.control.logs);
    const stream = `${job.id}/1`;
    for (const number of [120_000, 1, 60_000, 59_999, 41_944, 41_943, 119_999, 60_001])
      for (const one of [starts, new LineStarts(fixture.control.logs)]) {
        const offset = (number - 1) * 101;
        expect(await one.byNumber(stream, number, signal)).toEqual({ line: number, offset });
        expect(await one.atOffset(stream, offset, signal)).toEqual({ line: number, offset });
        expect(await one.atOffset(stream, offset + 100, signal)).toEqual({ line: number, offset });
      }
    expect(await lines({ firstLine: 60_000, count: 9_999 })).toMatchObject({ line: 60_000, count: 2595, isEnd: false });
  });
});
