/** Whom a route answers: anybody, whoever holds the URL, or keys from this role on. */
export type Caller = "anybody" | "the URL" | "reader" | "planner" | "operator" | "owner" | "site-admin";

/** What the reference says of a route. */
export interface RouteLine {
  readonly who: Caller;
  readonly about: string;
  /** The file below test/tfe that calls it. */
  readonly test: string;
}

/** A noun of the API, with its routes as `src/tfe` spells them. */
export interface RouteGroup {
  readonly title: string;
  readonly routes: Readonly<Record<string, RouteLine>>;
}

const line = (who: Caller, about: string, test: string): RouteLine => ({ who, about, test });

export const routeGroups: readonly RouteGroup[] = [
  {
    title: "Discovery and login",
    routes: {
      "GET /.well-known/terraform.json": line("anybody", "where the API and the login are", "login"),
      "GET /oauth/authorization": line("anybody", "the page on which a person signs in with an API key", "login"),
      "POST /oauth/authorization": line("anybody", "its forms: a key, then what is given", "login"),
      "POST /oauth/token": line("anybody", "trades a code, once, for a new API key", "login"),
      "GET /app/settings/tokens": line("anybody", "the page that makes a token to paste", "login"),
      "POST /app/settings/tokens": line("anybody", "its forms; shows the token once", "login"),
    },
  },
  {
    title: "Who and what",
    routes: {
      "GET /ping": line("anybody", "204 with the version of the API", "account"),
      "GET /account/details": line("reader", "the API key that calls, as a user", "account"),
    },
  },
  {
    title: "Organizations",
    routes: {
      "GET /organizations/:organization": line("reader", "one, under its name", "organizations"),
      "GET /organizations/:organization/entitlement-set": line("reader", "what the server can do for it", "account"),
    },
  },
];

/** The lines by their routes. */
export const routeLines: ReadonlyMap<string, RouteLine> = new Map(
  routeGroups.flatMap(({ routes }) => Object.entries(routes)),
);
