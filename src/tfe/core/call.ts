import { notFound, type Reference } from "../../control/core/access.ts";
import type { Control } from "../../control/core/control.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { HttpRequest } from "../../http/messages.ts";
import type { Id, IdPrefix } from "../../lib/words/ids.ts";
import type { TfeAnswer } from "./answers.ts";
import type { Holds } from "./holds.ts";
import { idIn } from "./ids.ts";
import type { ObjectUrls } from "./object-urls.ts";
import type { ObjectTransfers } from "./transfers.ts";

/** What every answer is made of, whoever asks. */
export interface TfeServer {
  readonly control: Control;
  readonly urls: ObjectUrls;
  readonly holds: Holds;
  readonly transfers: ObjectTransfers;
}

/** A request of somebody who may be anybody. */
export interface OpenCall extends TfeServer {
  readonly request: HttpRequest;
  /** The values of the path's `:names`, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Scheme and host that the caller uses, and what stands before the path: what URLs in answers begin with. */
  readonly origin: string;
  readonly address: string;
  /** Aborted when the caller is gone or the server stops. */
  readonly signal: AbortSignal;
  /** The person whose API key somebody typed into a page. Rejected keys count for the caller's address. */
  readonly personWith: (key: string) => Promise<Person>;
  /** To be called when a credential was accepted that stands in the path: the connection may rest longer. */
  readonly recognize: () => void;
  /** True for the terraform program itself, which waits for runs and logs in loops of its own. */
  readonly isTerraform: boolean;
}

/** A request of somebody with an API key. */
export interface TfeCall extends OpenCall {
  readonly who: Person;
}

/** Among whom what large objects need is shared out: the keys of an organization have one share together. */
export const sharerOf = ({ who }: Pick<TfeCall, "who">): string => who.organizationId ?? who.id;

/** Who may call a route: anybody, or people with an API key. Those who hold an object's URL need nothing else. */
export type TfeRoute =
  | { readonly admission: "anybody"; readonly pattern: string; readonly answer: (call: OpenCall) => Promise<TfeAnswer> }
  | { readonly admission: "person"; readonly pattern: string; readonly answer: (call: TfeCall) => Promise<TfeAnswer> };

/** `route("GET /organizations/:organization", readOrganization)`: below /api/v2, for people. */
export const route = (pattern: string, answer: (call: TfeCall) => Promise<TfeAnswer>): TfeRoute => ({
  admission: "person",
  pattern,
  answer,
});

/** The same for anybody. */
export const openRoute = (pattern: string, answer: (call: OpenCall) => Promise<TfeAnswer>): TfeRoute => ({
  admission: "anybody",
  pattern,
  answer,
});

/** A value of the path; the route's pattern has it. */
export const param = ({ params }: Pick<OpenCall, "params">, name: string): string => params[name] ?? "";

/** The id that stands in the path. Throws `not_found` for what is no id of this kind. */
export function idParam<Prefix extends IdPrefix>(
  call: Pick<OpenCall, "params">,
  name: string,
  prefix: Prefix,
): Id<Prefix> {
  const id = idIn(prefix, param(call, name));
  if (id === undefined) throw notFound(name, param(call, name).slice(0, 80));
  return id;
}

/** The ids in the names of resources. Throws `not_found` for one that is no id of this kind. */
export const idsIn = <Prefix extends IdPrefix>(
  prefix: Prefix,
  what: string,
  names: readonly { readonly id: string }[],
): readonly Id<Prefix>[] =>
  names.map(({ id: text }) => {
    const id = idIn(prefix, text);
    if (id === undefined) throw notFound(what, text.slice(0, 80));
    return id;
  });

/** The workspace that the path names by its id. */
export const workspaceParam = (call: Pick<OpenCall, "params">): Reference => ({
  organization: "",
  name: idParam(call, "workspace", "ws"),
});
