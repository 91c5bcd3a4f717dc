import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { afterEach, describe, expect, test } from "vitest";
import { sha256 } from "../../../test/support/control.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { planContents, planProblem } from "../../control/documents/plan-summary.ts";
import type { UploadedPlan, UploadedSummary } from "../../control/jobs/artifacts.ts";
import { UploadPlanRequestSchema } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import {
  PlanDocumentsSchema,
  PlannedAction,
  type PlannedResourceSchema,
  type PlannedValueSchema,
  PlanSummarySchema,
} from "../../gen/windlass/agent/v1/plan_pb.ts";
import { Budget } from "../../lib/async/budget.ts";
import { UploadIntake } from "./intake.ts";
import { type PlanReceiver, takePlanUpload } from "./plan-upload.ts";

type Part = NonNullable<MessageInitShape<typeof UploadPlanRequestSchema>["part"]>;

const room = {
  what: "bytes",
  total: 100_000_000,
  perKey: 100_000_000,
  waitMs: 1,
  maxWaiting: 1,
  clock: new ManualClock(),
};
const memory = new Budget(room);
/** What came in parts, by what it is. */
const cameInParts = new Map<string, readonly Uint8Array[]>();
let isKnown = false;
const receiver: PlanReceiver = {
  limits: { maxPlanBytes: 100, maxPlanFilesBytes: 20 },
  intakeOf: (part) => new UploadIntake({ ...part, memory, of: "job", signal: new AbortController().signal }),
  read: async function* ({ what }) {
    yield* cameInParts.get(what) ?? [];
  },
  isKnown: async () => isKnown,
};
const header = (filesSizeBytes = 5n): Part => ({
  case: "header",
  value: {
    ...{ planSizeBytes: 4n, planSha256: sha256("plan"), engineVersion: "1.11.4" },
    ...{ filesSizeBytes, filesSha256: filesSizeBytes === 0n ? "" : sha256("files") },
  },
});
const plan: Part = { case: "planChunk", value: Buffer.from("plan") };
const summary: Part = { case: "summary", value: { resourceChanges: [{ address: "a.b" }] } };
/** The summary as it is kept. */
const kept =
  '{"terraformVersion":"1.11.4","parts":[{"resources":[{"address":"a.b","action":"other","attributes":[]}]}]}';
const files = (text: string): Part => ({ case: "filesChunk", value: Buffer.from(text) });

/** Uploads these parts; answers what was stored, and whether the sender was let go. */
async function upload(...parts: readonly Part[]) {
  let isLetGo = false;
  async function* requests() {
    try {
      for (const part of parts) yield create(UploadPlanRequestSchema, { part });
    } finally {
      isLetGo = true;
    }
  }
  let stored: Record<string, string | undefined> = {};
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const storePlan = async (taken: UploadedPlan) => {
    const made = taken.files === undefined ? undefined : await Array.fromAsync(taken.files.bytes);
    stored = { plan: text(taken.plan), summary: taken.summary && text(taken.summary) };
    const { planJson, redactedJson } = taken.documents;
    if (planJson.length + redactedJson.length > 0) stored.documents = `${text(planJson)}|${text(redactedJson)}`;
    if (made !== undefined) stored.files = made.map(text).join("|");
  };
  const store = {
    plan: storePlan,
    summary: async (late: UploadedSummary) => {
      stored = { of: late.planSha256, "summary alone": text(late.summary) };
    },
  };
  const answer = await takePlanUpload(receiver, requests(), store).then(
    () => "stored",
    (error: Error) => error.message,
  );
  expect(isLetGo).toBe(true);
  return { answer, stored };
}

test("a summary comes with its plan, behind it or alone; nothing else may come with one that comes alone", async () => {
  const announced = (more: object): Part => {
    const { value } = header(0n);
    return { case: "header", value: { ...(value as object), ...more } } as Part;
  };
  const follows = await upload(announced({ summaryFollows: true }), plan);
  expect(follows).toEqual({ answer: "stored", stored: { plan: "plan", summary: undefined } });
  const alone = { planSizeBytes: 0n, summaryOnly: true };
  expect((await upload(announced(alone), summary)).stored).toMatchObject({ "summary alone": kept });
  for (const more of [{ planSizeBytes: 4n }, { filesSizeBytes: 1n }, { summaryFollows: true }])
    expect((await upload(announced({ ...alone, ...more }), summary)).answer).toMatch("summary_only");
});

test("a plan comes with its summary, and with what it made if it made anything", async () => {
  expect(await upload(header(0n), plan, summary)).toEqual({
    answer: "stored",
    stored: { plan: "plan", summary: kept },
  });
  expect(await upload(header(), plan, summary, files("fi"), files("les"))).toEqual({
    ...{ answer: "stored", stored: { plan: "plan", summary: kept, files: "fi|les" } },
  });
});

const documents: Part = {
  case: "documents",
  value: { planJson: Buffer.from("json"), redactedJson: Buffer.from("redacted") },
};

test("its documents come after its summary, or came in parts", async () => {
  const whole = { plan: "plan", summary: kept, documents: "json|redacted" };
  expect(await upload(header(0n), plan, summary, documents)).toEqual({ answer: "stored", stored: whole });
  expect(await upload(header(), plan, summary, documents, files("files"))).toEqual({
    ...{ answer: "stored", stored: { ...whole, files: "files" } },
  });
  const bytes = toBinary(PlanDocumentsSchema, create(PlanDocumentsSchema, documents.value));
  cameInParts.set("documents of the plan", [bytes.subarray(0, 3), bytes.subarray(3)]);
  const withDocuments = (documentsPartsSha256: string): Part => ({
    case: "header",
    value: {
      ...{ planSizeBytes: 4n, planSha256: sha256("plan"), engineVersion: "1.11.4" },
      ...{ documentsPartsBytes: BigInt(bytes.length), documentsPartsSha256 },
    },
  });
  expect(await upload(withDocuments(sha256(bytes)), plan, summary)).toEqual({ answer: "stored", stored: whole });
  expect((await upload(withDocuments(sha256("other")), plan, summary)).answer).toMatch(/documents .* SHA-256/);
  expect((await upload(withDocuments(sha256(bytes)), plan, summary, documents)).answer).toMatch(/too late/);
});

test.each([
  ["without a header", [plan], /starts with its header/],
  ["with two headers", [header(), header()], /starts with its header/],
  ["with a header among the files", [header(), plan, summary, files("fi"), header()], /starts with its header/],
  [
    "whose plan comes after the files",
    [header(), summary, files("files"), plan],
    /4 bytes of plan were announced and 0 came/,
  ],
  ["whose files are more than is taken", [header(21n)], /archive of the plan's files has 21 bytes: at most 20/],
  ["with more files than announced", [header(), plan, summary, files("files and more")], /and more came/],
  [
    "with fewer files than announced",
    [header(), plan, summary, files("fi")],
    /5 bytes of files of the plan were announced and 2 came/,
  ],
  [
    "whose plan comes after its summary",
    [header(), summary, plan],
    /4 bytes of plan were announced and 0 came|too late/,
  ],
  ["whose summary is not at its place", [header(), plan, summary, plan], /in this order: .* too late/],
  ["whose summary comes after its files", [header(), plan, files("files"), summary], /its summary came too late/],
  ["whose documents come after its files", [header(), plan, files("files"), documents], /too late/],
  ["whose documents come twice", [header(0n), plan, documents, documents], /too late/],
  ["whose summary comes after its documents", [header(0n), plan, documents, summary], /its summary came too late/],
  ["that stops before its files", [header(), plan, summary], /were announced and 0 came/],
  ["with files that were not announced", [header(0n), plan, summary, files("f")], /none were announced/],
] as const)("an upload %s is refused, and nothing more of it is read", async (_what, parts, why) => {
  expect((await upload(...parts)).answer).toMatch(why);
});

const page = { after: null, limit: 1_000 };
type Value = MessageInitShape<typeof PlannedValueSchema>;
const change = (more: MessageInitShape<typeof PlannedResourceSchema>): Part => ({
  case: "summary",
  value: { resourceChanges: [{ address: "a.b", action: PlannedAction.UPDATE, ...more }] },
});
const attribute = (value: Value): Part => change({ attributes: [value] });
const summaryOf = async (...parts: readonly Part[]) =>
  Buffer.from((await upload(header(0n), plan, ...parts)).stored.summary ?? "");

test("a summary is read again as it came, whatever the number of its parts", async () => {
  const output: Part = { case: "summary", value: { outputChanges: [{ name: "o", change: { afterJson: "1" } }] } };
  const unknown = change({ action: 77 as PlannedAction, address: "c.d", importId: "i-1" });
  const drift: Part = { case: "summary", value: { resourceDrift: [{ address: "e.f" }], incomplete: true } };
  const value = { path: "x", beforeJson: "1", afterJson: '"2"', forcesReplacement: true };
  const contents = planContents(await summaryOf(attribute(value), output, unknown, drift), "run_1", page);
  expect(contents).toMatchObject({
    engineVersion: "1.11.4",
    isComplete: false,
    changes: {
      rows: [
        {
          kind: "change",
          resource: {
            address: "a.b",
            action: "update",
            attributes: [{ ...value, isSensitive: false, isUnknown: false }],
          },
        },
        { kind: "change", resource: { address: "c.d", action: "other", importId: "i-1" } },
        { kind: "drift", resource: { address: "e.f" } },
        { kind: "output", output: { name: "o", change: { path: "", beforeJson: "", afterJson: "1" } } },
      ],
    },
  });
});

test.each<readonly [string, Value, RegExp]>([
  [
    "a text that is no JSON",
    { beforeJson: "no!" },
    /resource_changes\[0\]\.attributes\[0\]\.before_json: expected JSON text/,
  ],
  ["half a JSON text", { afterJson: '{"a":' }, /after_json: expected JSON text/],
  ["a sensitive value with its text", { sensitive: true, afterJson: '"s3cret"' }, /is sensitive, and its value stands/],
  ["a sensitive value with what it was", { sensitive: true, beforeJson: '"s3cret"' }, /is sensitive/],
])("a summary with %s is refused by name, and the value is not repeated", async (_what, value, why) => {
  const { answer, stored } = await upload(header(0n), plan, attribute(value));
  expect(answer).toMatch(why);
  expect(answer).not.toContain("s3cret");
  expect(stored).toEqual({});
});

test("a write-only value is sensitive and has terraform's words", async () => {
  const value = { sensitive: true, afterJson: '"(write-only attribute)"' };
  const { changes } = planContents(await summaryOf(attribute(value)), "run_1", page);
  expect(changes.rows[0]).toMatchObject({
    resource: { attributes: [{ isSensitive: true, afterJson: value.afterJson }] },
  });
});

test("a plan without a summary says that none came", async () => {
  expect(() => planContents(Buffer.from('{"problem":"its agent uploaded none"}'), "run_1", page)).toThrow(
    /uploaded none/,
  );
  expect((await summaryOf()).toString()).toBe('{"problem":"its agent uploaded none"}');
});

test("of 100,000 changes all are kept, the later ones without their attributes", async () => {
  const value: Value = {
    path: "triggers.a_rather_long_name",
    beforeJson: JSON.stringify("x".repeat(200)),
    afterJson: "1",
  };
  const many = (from: number): Part => ({
    case: "summary",
    value: {
      resourceChanges: Array.from({ length: 500 }, (_, index) => ({
        ...{ address: `module.net.null_resource.many[${from + index}]`, action: PlannedAction.CREATE },
        attributes: [value],
      })),
    },
  });
  const kept = await summaryOf(...Array.from({ length: 200 }, (_, index) => many(index * 500)));
  expect(planProblem(kept)).toBe("");
  const text = kept.toString();
  expect(text.split("null_resource.many[").length - 1).toBe(100_000);
  expect(text.split("a_rather_long_name").length - 1).toBeGreaterThan(10_000);
  expect(kept.length).toBeLessThan(64 * 1024 * 1024);
}, 120_000);

describe("what came in parts", () => {
  const inParts = (summaryBytes: Uint8Array, over: Record<string, unknown> = {}): Part => ({
    case: "header",
    value: {
      ...{ planSizeBytes: 4n, planSha256: sha256("plan"), planInParts: true, engineVersion: "1.11.4" },
      ...{ filesSizeBytes: 5n, filesSha256: sha256("files"), filesInParts: true },
      ...{ summaryPartsBytes: BigInt(summaryBytes.length), summaryPartsSha256: sha256(summaryBytes) },
      ...over,
    },
  });
  const part = create(PlanSummarySchema, { resourceChanges: [{ address: "a.b" }] });
  const delimited = Buffer.concat([1, 2, 3].map(() => sizeDelimitedEncode(PlanSummarySchema, part)));
  const bring = (summaryBytes: Uint8Array) => {
    cameInParts.set("plan", [Buffer.from("pl"), Buffer.from("an")]);
    cameInParts.set("files of the plan", [Buffer.from("files")]);
    cameInParts.set("plan summary", [summaryBytes.subarray(0, 1), summaryBytes.subarray(1)]);
  };
  afterEach(() => {
    cameInParts.clear();
    isKnown = false;
  });

  test("is stored as if it had followed the header", async () => {
    bring(delimited);
    const { stored } = await upload(inParts(delimited));
    expect(stored).toMatchObject({ plan: "plan", files: "files" });
    expect(stored.summary?.split("a.b")).toHaveLength(4);
  });

  test("and is stored already is acknowledged without its parts", async () => {
    isKnown = true;
    expect(await upload(inParts(delimited))).toMatchObject({ stored: {} });
  });

  test.each<readonly [string, readonly Part[]]>([
    ["the plan's bytes", [plan]],
    ["its summary", [summary]],
    ["the bytes of its files", [files("files")]],
  ])("is not sent again: %s after the header are refused", async (_what, more) => {
    bring(delimited);
    const { answer, stored } = await upload(inParts(delimited), ...more);
    expect(answer).not.toBe("stored");
    expect(stored).toEqual({});
  });

  const wrongs: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["that is cut off", delimited.subarray(0, -1), /cut off/],
    ["whose lengths are none", Buffer.alloc(20, 0xff), /lengths is none/],
    ["with a part of 2 MiB", Buffer.from([0x80, 0x80, 0x80, 0x01]), /at most 1048576/],
    ["that is no message", Buffer.from([2, 0x0a, 0x7f]), /no PlanSummary/],
    ["that breaks a rule", Buffer.from(delimitedRubbish()), /expected JSON text/],
  ];
  test.each(wrongs)("a summary %s is refused", async (_what, bytes, why) => {
    bring(bytes);
    const { answer, stored } = await upload(inParts(bytes));
    expect(answer).toMatch(why);
    expect(stored).toEqual({});
  });

  test("a summary of another SHA-256 than was announced is refused", async () => {
    bring(delimited);
    const { answer } = await upload(inParts(delimited, { summaryPartsSha256: sha256("another") }));
    expect(answer).toMatch(/was announced/);
  });

  function delimitedRubbish(): Uint8Array {
    const attributes = [{ beforeJson: "no!" }];
    return sizeDelimitedEncode(
      PlanSummarySchema,
      create(PlanSummarySchema, { resourceChanges: [{ address: "a.b", attributes }] }),
    );
  }
});
