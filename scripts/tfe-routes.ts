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
      "GET /organizations": line("reader", "those that the key sees", "organizations"),
      "POST /organizations": line("site-admin", "makes one", "organizations"),
      "GET /organizations/:organization": line("reader", "one, under its name", "organizations"),
      "PATCH /organizations/:organization": line(
        "owner",
        "changes its name, defaults and what is kept for clients",
        "organizations",
      ),
      "DELETE /organizations/:organization": line("site-admin", "deletes one, with all that is in it", "organizations"),
      "GET /organizations/:organization/entitlement-set": line("reader", "what the server can do for it", "account"),
      "GET /organizations/:organization/projects": line(
        "reader",
        "its one project, by the name that clients look for",
        "organizations",
      ),
      "POST /organizations/:organization/projects": line(
        "reader",
        "refused: there is one, and nobody makes another",
        "organizations",
      ),
      "GET /projects/:project": line("reader", "that project", "organizations"),
      "GET /organizations/:organization/runs": line(
        "reader",
        "runs of all workspaces, by what is filtered for",
        "runs",
      ),
      "GET /organizations/:organization/runs/queue": line("reader", "runs that wait, with their places", "runs"),
      "GET /organizations/:organization/capacity": line("reader", "how many runs are under way and wait", "run-reads"),
      "GET /organizations/:organization/tags": line("reader", "tags of its workspaces", "tags"),
      "DELETE /organizations/:organization/tags": line("operator", "takes tags off all workspaces", "tags"),
      "POST /tags/:tag/relationships/workspaces": line("operator", "gives a tag to several workspaces", "tags"),
    },
  },
  {
    title: "Workspaces",
    routes: {
      "GET /organizations/:organization/workspaces": line(
        "reader",
        "by name, tags, state of the current run",
        "workspaces",
      ),
      "POST /organizations/:organization/workspaces": line("operator", "makes one", "workspaces"),
      "GET /workspaces/:workspace": line("reader", "one, by its id", "workspaces"),
      "PATCH /workspaces/:workspace": line("operator", "changes one, by its id", "workspaces"),
      "DELETE /workspaces/:workspace": line("operator", "deletes one with its states, by its id", "workspaces"),
      "POST /workspaces/:workspace/actions/lock": line("operator", "locks it for the key that calls", "authorization"),
      "POST /workspaces/:workspace/actions/unlock": line(
        "operator",
        "unlocks what the key itself has locked",
        "authorization",
      ),
      "POST /workspaces/:workspace/actions/force-unlock": line(
        "owner",
        "unlocks what somebody else has locked",
        "authorization",
      ),
      "POST /workspaces/:workspace/actions/safe-delete": line(
        "operator",
        "deletes one that manages nothing any more",
        "authorization",
      ),
      "GET /organizations/:organization/workspaces/:workspace": line("reader", "one, by its name", "workspaces"),
      "PATCH /organizations/:organization/workspaces/:workspace": line(
        "operator",
        "changes one, by its name",
        "workspaces",
      ),
      "DELETE /organizations/:organization/workspaces/:workspace": line(
        "operator",
        "deletes one with its states, by its name",
        "workspaces",
      ),
      "POST /organizations/:organization/workspaces/:workspace/actions/lock": line(
        "operator",
        "locks it for the key that calls",
        "authorization",
      ),
      "POST /organizations/:organization/workspaces/:workspace/actions/unlock": line(
        "operator",
        "unlocks what the key itself has locked",
        "authorization",
      ),
      "POST /organizations/:organization/workspaces/:workspace/actions/force-unlock": line(
        "owner",
        "unlocks what somebody else has locked",
        "authorization",
      ),
      "POST /organizations/:organization/workspaces/:workspace/actions/safe-delete": line(
        "operator",
        "deletes one that manages nothing any more",
        "authorization",
      ),
      "GET /workspaces/:workspace/resources": line("reader", "what its state has", "authorization"),
      "GET /workspaces/:workspace/relationships/tags": line("reader", "its tags", "tags"),
      "POST /workspaces/:workspace/relationships/tags": line("operator", "adds tags", "tags"),
      "DELETE /workspaces/:workspace/relationships/tags": line("operator", "takes tags off", "tags"),
      "GET /workspaces/:workspace/tag-bindings": line("reader", "its tags with their values", "tags"),
      "PATCH /workspaces/:workspace/tag-bindings": line("operator", "sets tags with values", "tags"),
      "GET /workspaces/:workspace/effective-tag-bindings": line(
        "reader",
        "the same: nothing above it has tags",
        "tags",
      ),
      "GET /workspaces/:workspace/relationships/remote-state-consumers": line(
        "reader",
        "who may read its outputs",
        "authorization",
      ),
      "POST /workspaces/:workspace/relationships/remote-state-consumers": line(
        "operator",
        "adds readers",
        "authorization",
      ),
      "PATCH /workspaces/:workspace/relationships/remote-state-consumers": line(
        "operator",
        "sets them",
        "authorization",
      ),
      "DELETE /workspaces/:workspace/relationships/remote-state-consumers": line(
        "operator",
        "takes readers away",
        "authorization",
      ),
    },
  },
  {
    title: "Configuration versions",
    routes: {
      "POST /workspaces/:workspace/configuration-versions": line(
        "planner",
        "announces an archive, and says where to send it",
        "configuration-versions",
      ),
      "GET /workspaces/:workspace/configuration-versions": line(
        "reader",
        "those of a workspace",
        "configuration-versions",
      ),
      "GET /configuration-versions/:configuration": line("reader", "one", "configuration-versions"),
      "GET /configuration-versions/:configuration/download": line("reader", "its archive", "configuration-versions"),
      "POST /configuration-versions/:configuration/actions/archive": line(
        "operator",
        "deletes its archive and keeps the rest",
        "configuration-versions",
      ),
      "GET /_objects/v1/:object": line(
        "the URL",
        "an archive, a state or a log from a byte on; waits for more of a log",
        "configuration-versions",
      ),
      "PUT /_objects/v1/:object": line("the URL", "sends an archive or a state", "configuration-versions"),
    },
  },
  {
    title: "Runs",
    routes: {
      "POST /runs": line("operator", "starts one; planners too, if it only plans", "runs"),
      "GET /runs/:run": line(
        "reader",
        "one; with `Prefer: wait=SECONDS` it waits for the next state of what its caller knows",
        "runs",
      ),
      "GET /workspaces/:workspace/runs": line("reader", "those of a workspace", "runs"),
      "POST /runs/:run/actions/apply": line("operator", "confirms its plan", "runs"),
      "POST /runs/:run/actions/discard": line("operator", "discards its plan", "runs"),
      "POST /runs/:run/actions/cancel": line("operator", "interrupts terraform, once", "runs"),
      "POST /runs/:run/actions/force-cancel": line("operator", "ends it by force, after a cancel had its time", "runs"),
      "POST /runs/:run/actions/force-execute": line("owner", "puts it before all others, which are discarded", "runs"),
      "GET /runs/:run/run-events": line("reader", "what happened to it", "runs"),
      "GET /run-events/:event": line("reader", "one of these", "runs"),
      "GET /runs/:run/task-stages": line("reader", "none: there are no tasks between its phases", "run-reads"),
      "GET /runs/:run/policy-checks": line("reader", "none: there are no policies", "run-reads"),
      "GET /runs/:run/comments": line("reader", "what people said of it", "runs"),
      "POST /runs/:run/comments": line("planner", "says something", "runs"),
      "GET /comments/:comment": line("reader", "one comment", "runs"),
      "GET /runs/:run/plan": line("reader", "its plan", "runs"),
      "GET /plans/:plan": line("reader", "a plan, with the URL of its log", "runs"),
      "GET /applies/:apply": line("reader", "an apply, with the URL of its log", "run-reads"),
      "GET /applies/:apply/errored-state": line("planner", "the state that it left aside", "authorization"),
    },
  },
  {
    title: "States",
    routes: {
      "GET /state-versions": line("reader", "those of a workspace, named by its filters", "state-reads"),
      "GET /state-versions/:state": line("reader", "one, with the URLs of its bytes", "state-reads"),
      "GET /state-versions/:state/download": line("planner", "its bytes", "state-reads"),
      "GET /workspaces/:workspace/current-state-version": line("reader", "the current one", "state-reads"),
      "POST /workspaces/:workspace/state-versions": line(
        "operator",
        "brings one, or announces it and says where to send it; the workspace must be locked by the key",
        "state-reads",
      ),
      "PATCH /workspaces/:workspace/state-versions": line(
        "operator",
        "makes an older one the current one again",
        "state-reads",
      ),
      "GET /state-versions/:state/outputs": line("reader", "its outputs; sensitive ones without values", "state-reads"),
      "GET /workspaces/:workspace/current-state-version-outputs": line(
        "reader",
        "outputs of the current one",
        "state-reads",
      ),
      "GET /state-version-outputs/:output": line(
        "reader",
        "one; a sensitive one has its value from planner on",
        "state-reads",
      ),
    },
  },
  {
    title: "Plans as documents",
    routes: {
      "GET /plans/:plan/json-output": line("planner", "what `terraform show -json` says of it", "plan-documents"),
      "GET /runs/:run/plan/json-output": line("planner", "the same, by its run", "plan-documents"),
      "GET /plans/:plan/json-output-redacted": line("reader", "the same without sensitive values", "plan-documents"),
    },
  },
  {
    title: "Agent pools",
    routes: {
      "GET /organizations/:organization/agent-pools": line("reader", "those of an organization", "agent-pools"),
      "POST /organizations/:organization/agent-pools": line("operator", "makes one", "agent-pools"),
      "GET /agent-pools/:pool": line("reader", "one, with the workspaces that use it", "agent-pools"),
      "PATCH /agent-pools/:pool": line("operator", "changes its name, scope and grants", "agent-pools"),
      "DELETE /agent-pools/:pool": line("operator", "deletes one that nothing uses", "agent-pools"),
      "GET /agent-pools/:pool/authentication-tokens": line("reader", "its agent tokens, without secrets", "agents"),
      "POST /agent-pools/:pool/authentication-tokens": line(
        "operator",
        "makes one, and shows its secret once",
        "agents",
      ),
      "GET /authentication-tokens/:token": line("reader", "one", "agents"),
      "DELETE /authentication-tokens/:token": line("operator", "revokes one", "agents"),
      "GET /agent-pools/:pool/agents": line("reader", "its agents", "agents"),
      "GET /agents/:agent": line("reader", "one", "agents"),
      "DELETE /agents/:agent": line("operator", "forgets one that is gone", "agents"),
    },
  },
  {
    title: "Variables",
    routes: {
      "GET /workspaces/:workspace/vars": line(
        "reader",
        "those of a workspace; sensitive ones without values",
        "variables",
      ),
      "POST /workspaces/:workspace/vars": line("operator", "makes one", "variables"),
      "GET /workspaces/:workspace/vars/:variable": line("reader", "one", "variables"),
      "PATCH /workspaces/:workspace/vars/:variable": line("operator", "changes one", "variables"),
      "DELETE /workspaces/:workspace/vars/:variable": line("operator", "deletes one", "variables"),
      "GET /workspaces/:workspace/all-vars": line("reader", "what its runs get, sets included", "variables"),
      "GET /vars": line("reader", "those of a workspace, named by its filters", "variables"),
      "POST /vars": line("operator", "makes one, whose workspace is a relationship", "variables"),
      "GET /vars/:variable": line("reader", "one, by its id alone", "variables"),
      "PATCH /vars/:variable": line("operator", "changes it", "variables"),
      "DELETE /vars/:variable": line("operator", "deletes it", "variables"),
    },
  },
  {
    title: "Variable sets",
    routes: {
      "GET /organizations/:organization/varsets": line("reader", "those of an organization", "variable-sets"),
      "POST /organizations/:organization/varsets": line("operator", "makes one", "variable-sets"),
      "GET /workspaces/:workspace/varsets": line("reader", "those that a workspace gets", "variable-sets"),
      "GET /varsets/:set": line("reader", "one", "variable-sets"),
      "PATCH /varsets/:set": line("operator", "changes one", "variable-sets"),
      "DELETE /varsets/:set": line("operator", "deletes one", "variable-sets"),
      "POST /varsets/:set/relationships/workspaces": line("operator", "attaches it to workspaces", "variable-sets"),
      "DELETE /varsets/:set/relationships/workspaces": line("operator", "detaches it", "variable-sets"),
      "GET /varsets/:set/relationships/vars": line("reader", "its variables", "variable-sets"),
      "POST /varsets/:set/relationships/vars": line("operator", "makes one in it", "variable-sets"),
      "GET /varsets/:set/relationships/vars/:variable": line("reader", "one of them", "variable-sets"),
      "PATCH /varsets/:set/relationships/vars/:variable": line("operator", "changes it", "variable-sets"),
      "DELETE /varsets/:set/relationships/vars/:variable": line("operator", "deletes it", "variable-sets"),
    },
  },
];

/** The lines by their routes. */
export const routeLines: ReadonlyMap<string, RouteLine> = new Map(
  routeGroups.flatMap(({ routes }) => Object.entries(routes)),
);
