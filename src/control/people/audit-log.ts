import { setImmediate as nextTurn } from "node:timers/promises";
import type { AuditEvent, AuditFilter } from "../../domain/people/audit.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { OrganizationId } from "../../lib/words/ids.ts";
import type { Position } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { type Page, type PageRequest, searchByTime, searchedRows, withRows } from "../core/pages.ts";

/** Which records a caller wants. */
export interface AuditQuery extends Omit<AuditFilter, "organizationId"> {
  /** Id or name; empty is the caller's only one, and for site admins every organization and the site. */
  readonly organization: string;
}

/** A record with the name of its organization: its id if that was deleted, empty for what belongs to the site. */
export interface AuditView {
  readonly event: AuditEvent;
  readonly organizationName: string;
}

/** The records that match, newest first; for owners and site admins. */
export async function listAuditEvents(
  control: Control,
  who: Principal,
  { query, page }: { readonly query: AuditQuery; readonly page: PageRequest },
): Promise<Page<AuditView>> {
  const person = asPerson(who);
  demand(person, "own");
  const { store } = control;
  const filter = await store.read((q) => filterOf(q, person, query));
  const events = await searchByTime(page, {
    placeAfter: (times) => store.read((q) => q.audit.placeAfter(filter, times)),
    read: (times) => store.read((q) => q.audit.list(filter, times)),
    positionOf: ({ at, id }) => ({ createdAt: at, id }),
  });
  return withRows(events, await store.read((q) => named(q, events.rows)));
}

/** How many records one read takes. */
const exportRows = 500;

/** Every record that matches and is there when the call begins, oldest first. */
export async function* exportAuditEvents(
  control: Control,
  who: Principal,
  query: AuditQuery,
): AsyncGenerator<AuditView, void> {
  const person = asPerson(who);
  demand(person, "own");
  const now = new Date(control.clock.now().getTime() + 1);
  const until = query.until !== null && query.until < now ? query.until : now;
  const { store } = control;
  for (let from: Position | null = null; ; ) {
    const start: Position | null = from;
    const filter = { ...(await store.read((q) => filterOf(q, person, query))), until };
    const upTo: Position | null = await store.read((q) =>
      q.audit.placeForward(filter, { after: start, rows: searchedRows }),
    );
    yield* exported(control, filter, { after: start, upTo });
    if (upTo === null) return;
    from = upTo;
    await nextTurn();
  }
}

/** The records between two places that match. */
async function* exported(
  { store }: Control,
  filter: AuditFilter,
  { after: start, upTo }: { readonly after: Position | null; readonly upTo: Position | null },
): AsyncGenerator<AuditView, void> {
  for (let after = start; ; ) {
    const page = { after, upTo, limit: exportRows };
    const views = await store.read(async (q) => named(q, await q.audit.listForward(filter, page)));
    yield* views;
    if (views.length < exportRows) return;
    after = views.at(-1)?.event ?? null;
  }
}

async function filterOf(q: Queries, person: Person, { organization, ...rest }: AuditQuery): Promise<AuditFilter> {
  const isEverywhere = organization === "" && person.role === "site_admin";
  return { ...rest, organizationId: isEverywhere ? null : (await findOrganization(q, person, organization)).id };
}

async function named(q: Queries, events: readonly AuditEvent[]): Promise<readonly AuditView[]> {
  const names = new Map<OrganizationId, string>();
  const views: AuditView[] = [];
  for (const event of events) {
    const id = event.organizationId;
    if (id !== null && !names.has(id)) names.set(id, (await q.organizations.get(id))?.name ?? id);
    views.push({ event, organizationName: id === null ? "" : (names.get(id) ?? id) });
  }
  return views;
}
