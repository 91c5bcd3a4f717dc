import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestTfe, type TestTfe, type TfeAnswerSeen } from "../support/tfe.ts";
import { TfeRuns } from "../support/tfe-runs.ts";
import { until } from "../support/until.ts";

const heading = "Windlass: plan of run run_x, agent vm-1 on host, terraform 1.11.4 (linux_arm64)\n";
const three = "Terraform v1.11.4\non linux_arm64\nInitializing plugins and modules...\n";

let tfe: TestTfe;
let runs: TfeRuns;
let id: string;
beforeEach(async () => {
  tfe = await openTestTfe({ holdMs: 20_000 });
  runs = await TfeRuns.open(tfe);
  id = (await runs.create()).id;
});
afterEach(() => tfe[Symbol.asyncDispose]());

const urlOf = async (phase: "plan" | "apply"): Promise<string> => {
  const path = phase === "plan" ? `/plans/plan-${id.slice(4)}` : `/applies/apply-${id.slice(4)}`;
  return (await tfe.call("GET", path)).document.data.attributes["log-read-url"];
};

interface Read {
  readonly limit?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

async function read(phase: "plan" | "apply", offset: number, { limit = 65_536, headers = {} }: Read = {}) {
  const answer = await tfe.call("GET", `${await urlOf(phase)}?limit=${limit}&offset=${offset}`, undefined, {
    ...{ token: null, headers },
  });
  expect(answer.status).toBe(200);
  return answer;
}

const textOf = ({ bytes }: TfeAnswerSeen): string => Buffer.from(bytes).toString("utf8");

describe("a log", () => {
  test("is framed by two characters that count, and begins with three lines", async () => {
    expect(textOf(await read("plan", 0))).toBe("\u0002");
    await runs.start(id, "plan");
    await runs.say(id, "plan", heading.slice(0, 10));
    expect(textOf(await read("plan", 1))).toBe("");
    await runs.say(id, "plan", `${heading.slice(10)}line 1\n`);
    const so = `\u0002${three}${heading}line 1\n`;
    expect(textOf(await read("plan", 0))).toBe(so);
    expect(textOf(await read("plan", 0, { limit: 5 }))).toBe(so.slice(0, 5));
    expect(textOf(await read("plan", so.length - 3, { limit: 2 }))).toBe(" 1".slice(0, 2));
    expect(textOf(await read("plan", so.length))).toBe("");
    await runs.say(id, "plan", "two \u0002\u0003\n");
    await runs.finish(id, "plan");
    const whole = `${so}two   \n\u0003`;
    expect(textOf(await read("plan", 0))).toBe(whole);
    let pieces = "";
    while (pieces.length < whole.length) pieces += textOf(await read("plan", pieces.length, { limit: 7 }));
    expect(pieces).toBe(whole);
    expect(textOf(await read("plan", whole.length))).toBe("");
    expect(textOf(await read("plan", whole.length + 1_000))).toBe("");
  });

  test("of a plan that was tried again has both attempts, one after the other", async () => {
    await runs.start(id, "plan");
    await runs.say(id, "plan", `${heading}first\n`);
    const first = textOf(await read("plan", 0));
    await runs.lose(id, "plan");
    expect(textOf(await read("plan", 0))).toBe(first);
    await runs.start(id, "plan");
    expect(textOf(await read("plan", first.length))).toBe("");
    await runs.say(id, "plan", `${heading}second\n`);
    await runs.finish(id, "plan");
    expect(textOf(await read("plan", first.length))).toBe(
      `\nWindlass: the plan begins anew, with another agent\n\n${heading}second\n\u0003`,
    );
  });

  test("of what was never started is over once the run is", async () => {
    expect(textOf(await read("apply", 0))).toBe("\u0002");
    await tfe.call("POST", `/runs/${id}/actions/cancel`, {});
    const [plan, apply] = [textOf(await read("plan", 0)), textOf(await read("apply", 0))];
    expect(plan).toBe("\u0002Windlass: the plan was not started, and the run is canceled\n\u0003");
    expect(apply).toBe("\u0002Windlass: the apply was not started, and the run is canceled\n\u0003");
  });

  test("that was removed says so", async () => {
    await runs.start(id, "plan");
    await runs.say(id, "plan", heading);
    await runs.finish(id, "plan");
    const job = await runs.job(id, "plan");
    await tfe.control.logs.empty(`${job.id}/${job.epoch}`);
    const [first, last, ...more] = textOf(await read("plan", 0)).split("\nWindlass: ");
    expect([first, last?.slice(0, 29), last?.slice(-2), more]).toEqual([
      ...["\u0002", "the end of the log is missing", "\n\u0003", []],
    ]);
  });

  test("is read by whoever has its URL, and by nobody with another one", async () => {
    const url = await urlOf("plan");
    for (const wrong of [`${url.slice(0, -1)}${url.endsWith("x") ? "y" : "x"}`, `${url}x`])
      expect((await tfe.call("GET", wrong, undefined, { token: null })).status).toBe(404);
    expect((await tfe.call("PUT", url, "x", { token: null })).status).toBe(404);
  });
});

const terraform = { "terraform-version": "1.11.4", "x-terraform-integration": "cloud" };

const somethingIsHeld = () => until("an answer is held", () => tfe.control.wake.waitedTopics > 0);

/** Whether an answer that was asked for is still awaited. */
async function pending<T>(
  answer: Promise<T>,
): Promise<{ readonly isHeld: () => boolean; readonly answer: Promise<T> }> {
  let isHere = false;
  void answer.then(() => {
    isHere = true;
  });
  return { isHeld: () => !isHere, answer };
}

describe("what the terraform program asks for again", () => {
  test("is the end of a log: it is held until there is more, or for so long", async () => {
    await runs.start(id, "plan");
    await runs.say(id, "plan", heading);
    const end = textOf(await read("plan", 0)).length;
    const held = await pending(read("plan", end, { headers: terraform }));
    await somethingIsHeld();
    expect(held.isHeld()).toBe(true);
    await runs.say(id, "plan", "more\n");
    expect(textOf(await held.answer)).toBe("more\n");
    const late = await pending(read("plan", end + 5, { headers: terraform }));
    await somethingIsHeld();
    await tfe.clock.advance(20_000);
    expect(textOf(await late.answer)).toBe("");
    await runs.finish(id, "plan");
    expect(textOf(await read("plan", end + 5, { headers: terraform }))).toBe("\u0003");
  });

  test("is a pending run, and it is told at once: interrupted while it reads one it would not cancel it", async () => {
    const { document } = await tfe.call("POST", "/runs", runs.wish(), { headers: terraform });
    const ask = (query = "") => tfe.call("GET", `/runs/${document.data.id}${query}`, undefined, { headers: terraform });
    for (const answer of [ask("?include=task_stages"), ask(), ask(), ask()])
      expect((await answer).document.data.attributes.status).toBe("pending");
    await tfe.call("POST", `/runs/${id}/actions/cancel`, {});
    expect((await ask()).document.data.attributes.status).toBe("plan_queued");
  });

  test("is a run that is about to start, and the terraform program waits for it no longer than its youth", async () => {
    const ask = () => tfe.call("GET", `/runs/${id}`, undefined, { headers: terraform });
    const statusOf = async (answer: ReturnType<typeof ask>) => (await answer).document.data.attributes.status;
    expect(await statusOf(ask())).toBe("plan_queued");
    const young = await pending(ask());
    await somethingIsHeld();
    expect(young.isHeld()).toBe(true);
    await runs.start(id, "plan");
    expect(await statusOf(young.answer)).toBe("planning");
  });

  test("is not a run that waits for an agent for longer", async () => {
    const ask = () => tfe.call("GET", `/runs/${id}`, undefined, { headers: terraform });
    await ask();
    await tfe.clock.advance(2_000);
    expect((await ask()).document.data.attributes.status).toBe("plan_queued");
  });

  test("is held for others who say how long", async () => {
    await runs.start(id, "plan");
    await runs.read(id);
    const ask = (wait: string) => tfe.call("GET", `/runs/${id}`, undefined, { headers: { prefer: wait } });
    const held = await pending(ask("wait=5"));
    await somethingIsHeld();
    await runs.finish(id, "plan");
    expect((await held.answer).document.data.attributes.status).toBe("planned");
    // It rests: nothing is waited for.
    expect((await ask("wait=5")).document.data.attributes.status).toBe("planned");
  });

  test("is let go when the caller goes", async () => {
    await runs.start(id, "plan");
    await runs.say(id, "plan", heading);
    const end = textOf(await read("plan", 0)).length;
    const leaving = new AbortController();
    const url = `${await urlOf("plan")}?limit=65536&offset=${end}`;
    const gone = fetch(url, { headers: terraform, signal: leaving.signal }).catch(() => "gone");
    await somethingIsHeld();
    leaving.abort();
    expect(await gone).toBe("gone");
    await until("nothing is held", () => tfe.control.wake.waitedTopics === 0);
  });
});
