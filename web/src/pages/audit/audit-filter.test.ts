import { expect, test } from "vitest";
import { auditCommand, auditRequest, csvAddress } from "./audit-filter.ts";

const none = { action: "", actor: "", resource: "", since: "", until: "" };

test("no filter asks for all", () => {
  expect(auditRequest(none)).toEqual({ action: "", actor: "", resource: "" });
  expect(csvAddress("acme", none)).toBe("/download/audit.csv?organization=acme");
  expect(auditCommand(none)).toBe("windlass audit list");
});

test("page, file and command line ask for the same", () => {
  const filter = { ...none, action: "pool.", actor: "ana b", since: "2026-11-30T00:00:00Z" };
  expect(auditRequest(filter).since?.seconds).toBe(BigInt(Date.UTC(2026, 10, 30) / 1000));
  expect(csvAddress("acme", filter)).toBe(
    "/download/audit.csv?organization=acme&action=pool.&actor=ana+b&since=2026-11-30T00%3A00%3A00.000Z",
  );
  expect(auditCommand(filter)).toBe(
    "windlass audit list --action pool. --actor 'ana b' --since 2026-11-30T00:00:00.000Z",
  );
});

test("a time that is none is no filter", () => {
  expect(auditRequest({ ...none, since: "yesterday" })).toEqual(auditRequest(none));
});
