import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { ObjectUrls, objectsPath, type SignedObject } from "./object-urls.ts";

const object: SignedObject = { kind: "state", method: "PUT", id: "sv_1", keyId: "key_1" };
const hour = 3_600_000;

function urls() {
  const clock = new ManualClock();
  const made = new ObjectUrls(Buffer.alloc(32, 1), clock);
  const url = made.urlOf("https://windlass.example.com", object);
  return { clock, made, url, end: url.slice(`https://windlass.example.com${objectsPath}/`.length) };
}

const isUnknown = (open: () => unknown): boolean => {
  try {
    open();
    return false;
  } catch (error) {
    return isWindlassError(error, "not_found");
  }
};

test("a URL names its object, for its method alone", () => {
  const { made, url, end } = urls();
  expect(new URL(url).search).toBe("");
  expect(made.open(end, "PUT")).toMatchObject(object);
  expect(isUnknown(() => made.open(end, "GET"))).toBe(true);
});

test("a URL of another server, or one of which any character was changed, names nothing", () => {
  const { made, end, clock } = urls();
  const other = new ObjectUrls(Buffer.alloc(32, 2), clock);
  expect(isUnknown(() => other.open(end, "PUT"))).toBe(true);
  for (let at = 0; at < end.length; at++) {
    const changed = `${end.slice(0, at)}${end[at] === "x" ? "y" : "x"}${end.slice(at + 1)}`;
    expect(isUnknown(() => made.open(changed, "PUT"))).toBe(true);
  }
  for (const text of ["", ".", "..", "a.b.c", `${end}.`, end.slice(0, -1)])
    expect(isUnknown(() => made.open(text, "PUT"))).toBe(true);
});

test("a URL is good for 25 hours", async () => {
  const { made, end, clock } = urls();
  await clock.advance(25 * hour - 1_000);
  expect(made.open(end, "PUT").id).toBe("sv_1");
  await clock.advance(2_000);
  expect(isUnknown(() => made.open(end, "PUT"))).toBe(true);
});
