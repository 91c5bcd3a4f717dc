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
  {
    title: "Agent pools, tokens, agents",
    routes: {
      "GET /organizations/:organization/agent-pools": line(
        "reader",
        "by name; q, sort, filter[allowed_workspaces][name], include",
        "agent-pools",
      ),
      "POST /organizations/:organization/agent-pools": line(
        "operator",
        "makes one, with the workspaces that may use it",
        "agent-pools",
      ),
      "GET /agent-pools/:pool": line("reader", "one", "agent-pools"),
      "PATCH /agent-pools/:pool": line("operator", "name, scope, and all workspaces that may use it", "agent-pools"),
      "DELETE /agent-pools/:pool": line("operator", "one that nobody uses", "agent-pools"),
      "GET /agent-pools/:pool/authentication-tokens": line(
        "reader",
        "those that were not deleted, newest first",
        "agents",
      ),
      "POST /agent-pools/:pool/authentication-tokens": line(
        "operator",
        "makes one without an end; shows it once",
        "agents",
      ),
      "GET /authentication-tokens/:token": line("reader", "one, without the token itself", "agents"),
      "DELETE /authentication-tokens/:token": line(
        "operator",
        "revokes it and sends its agents away; their jobs go on",
        "agents",
      ),
      "GET /agent-pools/:pool/agents": line("reader", "oldest first; sort, filter[last-ping-since]", "agents"),
      "GET /agents/:agent": line("reader", "one", "agents"),
      "DELETE /agents/:agent": line("operator", "forgets one that is neither idle nor busy", "agents"),
    },
  },
  {
    title: "Variables",
    routes: {
      "GET /workspaces/:workspace/vars": line(
        "reader",
        "a workspace's own, all of them unless a page is asked for",
        "variables",
      ),
      "POST /workspaces/:workspace/vars": line("operator", "makes one", "variables"),
      "GET /workspaces/:workspace/vars/:variable": line("reader", "one", "variables"),
      "PATCH /workspaces/:workspace/vars/:variable": line("operator", "changes one, which keeps its id", "variables"),
      "DELETE /workspaces/:workspace/vars/:variable": line("operator", "deletes one", "variables"),
      "GET /workspaces/:workspace/all-vars": line("reader", "what runs get, those of its sets among them", "variables"),
      "GET /vars": line(
        "reader",
        "as older clients ask: filter[organization][name] and filter[workspace][name]",
        "variables",
      ),
      "POST /vars": line("operator", "the same, with relationship workspace", "variables"),
      "GET /vars/:variable": line("reader", "one of a workspace", "variables"),
      "PATCH /vars/:variable": line("operator", "changes one of a workspace", "variables"),
      "DELETE /vars/:variable": line("operator", "deletes one of a workspace", "variables"),
    },
  },
  {
    title: "Variable sets",
    routes: {
      "GET /organizations/:organization/varsets": line("reader", "by name; q, include", "variable-sets"),
      "POST /organizations/:organization/varsets": line(
        "operator",
        "makes one, with workspaces and variables",
        "variable-sets",
      ),
      "GET /workspaces/:workspace/varsets": line("reader", "those that a workspace gets", "variable-sets"),
      "GET /varsets/:set": line("reader", "one", "variable-sets"),
      "PATCH /varsets/:set": line(
        "operator",
        "name, description, global, priority, and all of its workspaces",
        "variable-sets",
      ),
      "DELETE /varsets/:set": line("operator", "deletes one with its variables", "variable-sets"),
      "POST /varsets/:set/relationships/workspaces": line("operator", "gives it to workspaces", "variable-sets"),
      "DELETE /varsets/:set/relationships/workspaces": line("operator", "takes it from workspaces", "variable-sets"),
      "GET /varsets/:set/relationships/vars": line(
        "reader",
        "its variables, all of them unless a page is asked for",
        "variables",
      ),
      "POST /varsets/:set/relationships/vars": line("operator", "makes one", "variables"),
      "GET /varsets/:set/relationships/vars/:variable": line("reader", "one", "variables"),
      "PATCH /varsets/:set/relationships/vars/:variable": line(
        "operator",
        "changes one, which keeps its id",
        "variables",
      ),
      "DELETE /varsets/:set/relationships/vars/:variable": line("operator", "deletes one", "variables"),
    },
  },
];

/** The lines by their routes. */
export const routeLines: ReadonlyMap<string, RouteLine> = new Map(
  routeGroups.flatMap(({ routes }) => Object.entries(routes)),
);
