import type { ErrorReason } from "../../gen/windlass/v1/error_reason_pb.ts";
import { isKeyOf } from "../../lib/values/records.ts";
import type { CommandText } from "./codes.ts";
import type { Hint } from "./problem.ts";

/** The facts of an error from which its hints are made. */
export interface Facts {
  /** Of the `google.rpc.ErrorInfo`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly command: CommandText;
}

/** The name of a reason as it travels in `google.rpc.ErrorInfo`. */
export type ReasonName = keyof typeof ErrorReason;

type Hints = (facts: Facts) => readonly Hint[];

/** What to do next, by the reason of the error; the single place where reasons become commands. */
export const reasonHints: Readonly<Record<ReasonName, Hints>> = {
  UNSPECIFIED: (facts) => [server(facts)],
  VALIDATION: () => [{ label: "Help", command: "windlass --help" }],
  ORGANIZATION_REQUIRED: ({ metadata, command }) => [
    { label: "Name one", command: `export WINDLASS_ORG=${firstOf(metadata.organizations, "ORG")}` },
    { label: "See them", command: command("org list") },
  ],
  NOT_FOUND: ({ metadata, command }) => [{ label: "See what is there", command: listing(metadata, command) }],
  NAME_TAKEN: ({ metadata, command }) => [
    { label: "See it", command: command(`${nounOf(metadata.resource)} get ${metadata.name ?? "NAME"}`) },
  ],
  REQUEST_ID_REUSED: ({ command }) => [{ label: "See what was made", command: command("run list") }],
  WORKSPACE_LOCKED: (facts) => lockedHints(facts),
  NOT_LOCKED: (facts) => [workspace(facts)],
  RUN_NOT_CONFIRMABLE: (facts) => [run(facts, "See it", "get")],
  RUN_NOT_CANCELABLE: (facts) => [run(facts, "See it", "get")],
  RUN_NOT_DISCARDABLE: (facts) => [run(facts, "See it", "get")],
  RUN_NOT_RESOLVABLE: (facts) => [run(facts, "See it", "get")],
  STATE_NOT_QUARANTINED: (facts) => [
    { label: "See what is aside", command: facts.command(`state list ${workspaceOf(facts)} --quarantined`) },
  ],
  FORCE_TOO_EARLY: (facts) => [
    run(facts, "Ask it to end, if you have not", "cancel"),
    run(facts, "Watch it", "watch"),
    { label: waitLabel(facts), command: facts.command(`run cancel ${runOf(facts)} --force`) },
  ],
  PLAN_CHANGED: (facts) => [run(facts, "Read the plan again", "plan")],
  POOL_NOT_GRANTED: (facts) => {
    const names = (facts.metadata.workspaces ?? facts.metadata.workspace ?? "WS").replaceAll(",", " ");
    return [{ label: "Grant it", command: facts.command(`pool grant ${poolOf(facts)} ${names}`) }, pool(facts)];
  },
  POOL_IN_USE: (facts) => {
    if (facts.metadata.runs !== undefined) {
      return [{ label: "See what it runs", command: facts.command(`pool get ${poolOf(facts)}`) }];
    }
    const names = (facts.metadata.workspaces ?? "WS").split(",").join(" ");
    return [
      { label: "See who uses it", command: facts.command(`workspace list --pool ${poolOf(facts)}`) },
      { label: "Unassign them", command: facts.command(`pool unassign ${names}`) },
    ];
  },
  NO_POOL: (facts) => [
    { label: "See the pools", command: facts.command("pool list") },
    { label: "Assign one", command: facts.command(`pool assign POOL ${workspaceOf(facts)}`) },
  ],
  EXECUTION_MODE_LOCAL: (facts) => [
    {
      label: "Run on the server",
      command: facts.command(`workspace edit ${workspaceOf(facts)} --execution-mode remote`),
    },
    { label: "Or on a pool's agents", command: facts.command(`pool assign POOL ${workspaceOf(facts)}`) },
  ],
  ORGANIZATION_IN_USE: ({ metadata }) => {
    const organization = metadata.organization ?? "ORG";
    return [
      { label: "Its workspaces", command: `windlass workspace list --org ${organization}` },
      { label: "Its pools", command: `windlass pool list --org ${organization}` },
      { label: "Its variable sets", command: `windlass varset list --org ${organization}` },
    ];
  },
  WORKSPACE_IN_USE: (facts) => [
    { label: "See its runs", command: facts.command(`workspace runs ${workspaceOf(facts)}`) },
    { label: "See its state", command: facts.command(`state list ${workspaceOf(facts)}`) },
    { label: "Delete it all the same", command: facts.command(`workspace delete ${workspaceOf(facts)} --force`) },
  ],
  AGENT_IN_USE: ({ metadata, command }) => [
    { label: "Let it finish and leave", command: command(`agent drain ${metadata.agent ?? "AGENT"}`) },
    { label: "See it", command: command(`agent get ${metadata.agent ?? "AGENT"}`) },
  ],
  ETAG_MISMATCH: (facts) => [server(facts)],
  STATE_SERIAL_CONFLICT: (facts) => [stateList(facts)],
  STATE_LINEAGE_CONFLICT: (facts) => [stateList(facts)],
  TOKEN_INVALID: (facts) => loginHints(facts),
  TOKEN_EXPIRED: (facts) => loginHints(facts),
  TOKEN_REVOKED: (facts) => loginHints(facts),
  PERMISSION_DENIED: ({ command }) => [
    { label: "See what you may do", command: command("whoami") },
    { label: "Use another token", command: "windlass login" },
  ],
  UPLOAD_TOO_LARGE: (facts) => [
    { label: "Leave files out", command: "echo 'large-directory/' >> .terraformignore" },
    { label: "See the limit", command: facts.command("status -o json") },
  ],
  CHECKSUM_MISMATCH: (facts) => [server(facts)],
  ARCHIVE_REJECTED: ({ metadata }) => [
    {
      label: "Leave it out",
      command: `echo '${ignorePattern(metadata.entry ?? "ENTRY")}' >> .terraformignore`,
    },
  ],
  QUOTA_EXCEEDED: ({ command }) => [{ label: "See the organization", command: command("org get") }],
  AGENT_LIMIT_REACHED: ({ command }) => [
    { label: "See the agents", command: command("agent list") },
    { label: "Raise the limit", command: command("org edit --max-agents N") },
  ],
  SERVER_DRAINING: (facts) => [server(facts)],
  AGENT_VERSION_REFUSED: (facts) => [server(facts)],
  ALREADY_CONNECTED: ({ metadata, command }) => [
    { label: "See it", command: command(`agent get ${metadata.agent ?? "AGENT"}`) },
  ],
  SESSION_SUPERSEDED: ({ command }) => [{ label: "See the agents", command: command("agent list") }],
  JOB_EPOCH_STALE: ({ command }) => [{ label: "See the runs", command: command("run list") }],
  LOG_LIMIT: ({ command }) => [{ label: "See the runs", command: command("run list") }],
  STORAGE_UNAVAILABLE: (facts) => [server(facts)],
  OUTCOME_UNKNOWN: (facts) => [{ label: "See what happened", command: facts.command("run list") }, server(facts)],
  INTERNAL: (facts) => [server(facts), { label: "Compare versions", command: "windlass version" }],
  RATE_LIMITED: ({ command }) => [{ label: "See the limits", command: command("status -o json") }],
  RUN_NOT_RETRYABLE: (facts) => [run(facts, "Watch it", "watch"), run(facts, "Or end it", "cancel")],
  RUN_NOT_QUEUED: (facts) => [run(facts, "See it", "get")],
  LAST_ADMIN_KEY: ({ command }) => [
    { label: "Make another first", command: command("apikey create --name NAME --role site-admin --expires 0s") },
  ],
  NOT_ROTATABLE: ({ metadata, command }) => [
    metadata.id?.startsWith("key_")
      ? { label: "Make a new one", command: command("apikey create --name NAME") }
      : { label: "Make a new one", command: command(`token create --pool ${metadata.pool ?? "POOL"}`) },
  ],
  ANSWER_TOO_LARGE: ({ command }) => [{ label: "A newer client reads it in pages", command: command("version") }],
  UNKNOWN_METHOD: (facts) => [server(facts), { label: "Compare versions", command: "windlass version" }],
  UNSUPPORTED: (facts) => [server(facts), { label: "Compare versions", command: "windlass version" }],
  DEADLINE_EXCEEDED: (facts) => [server(facts), { label: "Wait longer", command: "export WINDLASS_TIMEOUT=2m" }],
  CANCELED: (facts) => [server(facts)],
  HTTP2_REQUIRED: (facts) => [
    { label: "Let the proxy speak HTTP/2 to windlassd, then check the way", command: facts.command("doctor") },
  ],
  ISSUER_UNAVAILABLE: ({ command }) => [{ label: "See whom a pool trusts", command: command("trust list") }],
  CURSOR_EXPIRED: ({ command }) => [
    { label: "See how things stand", command: command("status") },
    { label: "Watch from now on", command: command("watch") },
  ],
  METADATA_TOO_LARGE: (facts) => [
    { label: "See which token is used", command: facts.command("context show --origin") },
  ],
  NAME_AMBIGUOUS: ({ metadata, command }) => [
    { label: "Use an id", command: command(`${nounOf(metadata.resource)} get ${firstOf(metadata.ids, "ID")}`) },
  ],
};

/** A line that leaves this name out, which stands in quotes of a shell: what means something to either is any character. */
const ignorePattern = (name: string): string => name.replaceAll(/[\\*?[\]!#'\p{C}\ufffd]/gu, "?");

/** The hints for a reason; none for one that this program does not know. */
export const hintsFor = (reason: string, facts: Facts): readonly Hint[] | undefined =>
  isKeyOf(reasonHints, reason) ? reasonHints[reason](facts) : undefined;

const workspaceOf = ({ metadata }: Facts): string => metadata.workspace ?? "WS";
const poolOf = ({ metadata }: Facts): string => metadata.pool ?? "POOL";
const runOf = ({ metadata }: Facts): string => metadata.run_id ?? "RUN";
const firstOf = (names: string | undefined, otherwise: string): string => names?.split(",")[0]?.trim() || otherwise;

const server = ({ command }: Facts): Hint => ({ label: "Check the server", command: command("status") });
const stateList = (facts: Facts): Hint => ({
  label: "See the states",
  command: facts.command(`state list ${workspaceOf(facts)}`),
});
const pool = (facts: Facts): Hint => ({ label: "See the pool", command: facts.command(`pool get ${poolOf(facts)}`) });
const workspace = (facts: Facts): Hint => ({
  label: "See it",
  command: facts.command(`workspace get ${workspaceOf(facts)}`),
});
const run = (facts: Facts, label: string, verb: string): Hint => ({
  label,
  command: facts.command(`run ${verb} ${runOf(facts)}`),
});

/** What ends the hold: of a person's lock the message tells it. */
function lockedHints(facts: Facts): readonly Hint[] {
  const { run_id, run_state = "" } = facts.metadata;
  if (!run_id) return [workspace(facts)];
  const see = run(facts, "See it", "get");
  if (run_state === "planned") return [see, run(facts, "Confirm", "confirm"), run(facts, "Discard", "discard")];
  if (isOver.has(run_state)) return [see, run(facts, "Decide", "resolve")];
  // An older server does not say.
  return run_state === "" ? [see] : [see, run(facts, "End it", "cancel")];
}

/** States of a run, as errors name them, in which it holds a workspace only because nobody has decided about it. */
const isOver: ReadonlySet<string> = new Set([
  ...["planned_and_finished", "applied", "discarded"],
  ...["errored", "canceled", "force_canceled"],
]);

const loginHints = ({ command }: Facts): readonly Hint[] => [
  { label: "Log in", command: "windlass login" },
  { label: "First time, on the server", command: "windlass login --token-stdin < DATA_DIR/admin-token" },
  { label: "See which token is used", command: command("context show --origin") },
];

const waitLabel = ({ metadata }: Facts): string => {
  const seconds = metadata.available_in_seconds;
  return seconds === undefined ? "Later" : `In ${seconds} s`;
};

const nouns: Readonly<Record<string, string>> = {
  organization: "org",
  "agent pool": "pool",
  pool: "pool",
  "agent token": "token",
  token: "token",
  "api key": "apikey",
  key: "apikey",
  agent: "agent",
  workspace: "workspace",
  "providers setting": "providers",
  variable: "var",
  "variable set": "varset",
  "configuration version": "cv",
  configuration: "cv",
  plan: "run",
  run: "run",
  "state version": "state",
  state: "state",
};

/** The server says "agent pool", and "terraform variable" for one of a category. */
function nounOf(resource: string | undefined): string {
  const words = (resource ?? "").toLowerCase().replaceAll("_", " ");
  return nouns[words] ?? nouns[words.split(" ").at(-1) ?? ""] ?? "workspace";
}

/** What lists organizations needs none. */
function listing(metadata: Facts["metadata"], command: CommandText): string {
  const text = command(listOf(metadata));
  return nounOf(metadata.resource) === "org" ? text.replace(/ --org \S+/, "") : text;
}

function listOf(metadata: Readonly<Record<string, string>>): string {
  const noun = nounOf(metadata.resource);
  if (noun === "var" && metadata.variable_set !== undefined) return `var list --set ${metadata.variable_set}`;
  if (noun === "var" || noun === "cv") return `${noun} list -w ${metadata.workspace ?? "WS"}`;
  if (noun === "providers") return "providers get";
  return noun === "state" ? `state list ${metadata.workspace ?? "WS"}` : `${noun} list`;
}
