import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { shown, unsetFields } from "../../../test/support/mapping.ts";
import { at } from "../../../test/support/store/rows.ts";
import type { AuditView } from "../../control/people/audit-log.ts";
import { AuditEventSchema, AuditFilterSchema } from "../../gen/windlass/v1/audit_service_pb.ts";
import { fromAuditFilter, toAuditEvent } from "./audit.ts";

const full: AuditView = {
  event: {
    ...{ id: "42", organizationId: "org_1", at: at(1), actor: "ann (key_1)", action: "pool.create" },
    ...{ resource: "apool_1", detail: { name: "prod", __proto__x: "kept" }, address: "10.0.0.1" },
  },
  organizationName: "acme",
};

test("a record is told whole", () => {
  expect(shown(AuditEventSchema, toAuditEvent(full))).toEqual({
    ...{ id: "42", time: "2026-01-02T03:04:06.678Z", actor: "ann (key_1)", action: "pool.create" },
    ...{ resource: "apool_1", organization: "acme", detail: { name: "prod", __proto__x: "kept" } },
    address: "10.0.0.1",
  });
  expect(unsetFields(AuditEventSchema, toAuditEvent(full))).toEqual([]);
});

test("what the control plane did itself has no address, no detail and, of the site, no organization", () => {
  const event = { ...full.event, organizationId: null, detail: {}, address: "" };
  expect(unsetFields(AuditEventSchema, toAuditEvent({ event, organizationName: "" }))).toEqual([
    ...["organization", "detail", "address"],
  ]);
});

test("a request without a filter asks for everything of its organization", () => {
  const everything = { organization: "acme", action: "", actor: "", resource: "", since: null, until: null };
  expect(fromAuditFilter("acme", undefined)).toEqual(everything);
  expect(fromAuditFilter("acme", create(AuditFilterSchema))).toEqual(everything);
});

test("each condition of a filter is its own; instants are exact to the millisecond, those before 1970 too", () => {
  const until = new Date(-1);
  const filter = create(AuditFilterSchema, {
    ...{ action: "pool.", actor: "ann", resource: "apool_1" },
    ...{ since: timestampFromDate(at(0)), until: timestampFromDate(until) },
  });
  expect(fromAuditFilter("", filter)).toEqual({
    ...{ organization: "", action: "pool.", actor: "ann", resource: "apool_1", since: at(0), until },
  });
});
