import { create } from "@bufbuild/protobuf";
import {
  type AgentPool,
  AgentPoolSchema,
  AgentUpdateMode,
  type AgentUpdatePolicy,
  AgentUpdatePolicySchema,
} from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { lookUp } from "../../lib/values/records.ts";
import { isVersion } from "../../lib/words/version-steps.ts";
import { choice, count, type Flag, type FlagValues, maxReason, sentence, text, toggle } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import { answerChanged } from "../shared/answers.ts";
import { command, one } from "../shared/command.ts";
import { warnOfMissingTarget } from "./missing-target.ts";
import { poolName, updateText } from "./view.ts";

const flags = {
  mode: choice("how far agents may go by themselves", ["off", "notify", "patch", "minor"]),
  to: version("the version they should have; without it the newest that the mode allows"),
  newest: toggle("take --to back: the newest that the mode allows"),
  window: text('when they may switch, such as "Mon-Thu 01:00-05:00 Europe/Berlin"; "always" is at any time'),
  canary: count("how many have to prove a version before the others get it", 1_000),
  maxInFlight: count("how many may be on their way at once after that, in percent", 100),
  hold: sentence("begin no update until --resume, and say why", { placeholder: "REASON" }, maxReason),
  resume: toggle("go on after --hold, or after the server has halted"),
  rollback: toggle("back to the target that was set with --to before the present one"),
};

/** `windlass pool update`: says how the agents of a pool update themselves. */
export const update = command({
  name: "update",
  summary: "Say which version the agents of a pool become, when, and how many at once; without flags, show it",
  examples: [
    "windlass pool update prod",
    'windlass pool update prod --mode patch --window "Mon-Thu 01:00-05:00 Europe/Berlin"',
    "windlass pool update prod --mode minor --to 1.4.2 --canary 2",
    'windlass pool update prod --hold "the release week"',
    "windlass pool update prod --rollback",
  ],
  positionals: { pool: one("POOL", "its name or id") },
  flags,
  run: async (context, { args, flags: wanted }) => {
    const client = await context.client(AgentPoolService);
    const named = { organization: await context.organization(), agentPool: args.pool };
    const { agentPool: found = create(AgentPoolSchema) } = await client.getAgentPool(named);
    const changes = changesOf(found, wanted);
    const message = changes === undefined ? found : await changed({ ...named, found, changes });
    const done = `Pool ${message.name}: ${updateText(message)}`;
    await answerChanged(context, { schema: AgentPoolSchema, message, name: poolName(message), done });
    warnOfMissingTarget(context, message);
    return undefined;

    async function changed(call: typeof named & { found: AgentPool; changes: AgentUpdatePolicy }): Promise<AgentPool> {
      const { agentPool } = await client.updateAgentPool({
        ...{ organization: call.organization, agentPool: call.agentPool, etag: call.found.etag },
        ...{ changes: { update: call.changes }, updateMask: { paths: ["update"] } },
      });
      return agentPool ?? create(AgentPoolSchema);
    }
  },
});

/** A version, or nothing at all for the newest. */
function version(about: string): Flag<string | undefined> {
  const plain = text(about, { placeholder: "VERSION" });
  const read = (texts: readonly string[], name: string): string | undefined => {
    const [given] = texts;
    if (given === undefined || given === "" || isVersion(given)) return given;
    if (/^(latest|newest)$/i.test(given))
      throw usageError(`${name} is a version: for the newest that the mode allows, give --newest`);
    throw usageError(`${name} is a version such as 1.4.2, not "${given}"`);
  };
  return { ...plain, read };
}

/** The policy with what was said; undefined if nothing was. */
function changesOf(
  { name, update: known }: AgentPool,
  wanted: FlagValues<typeof flags>,
): AgentUpdatePolicy | undefined {
  const before = known ?? create(AgentUpdatePolicySchema);
  const { mode, to, newest, window, canary, maxInFlight, hold, resume, rollback } = wanted;
  if (Object.values(wanted).every((value) => value === undefined || value === false)) return undefined;
  const targets = [to !== undefined, newest === true, rollback === true].filter((is) => is).length;
  if (targets > 1) throw usageError("--to, --newest and --rollback contradict each other: give one");
  if (hold !== undefined && resume === true) throw usageError("--hold and --resume contradict each other: give one");
  if (rollback === true && before.previousTargetVersion === "")
    throw usageError(`pool ${name} had no target before: name a version with --to`);
  const target = rollback === true ? before.previousTargetVersion : newest === true ? "" : (to ?? before.targetVersion);
  return create(AgentUpdatePolicySchema, {
    mode: mode === undefined ? before.mode : (lookUp(AgentUpdateMode, mode.toUpperCase()) ?? before.mode),
    targetVersion: target,
    window: window === "always" ? "" : (window ?? before.window),
    canary: canary ?? before.canary,
    maxInFlightPercent: maxInFlight ?? before.maxInFlightPercent,
    hold: resume === true ? "" : (hold ?? before.hold),
    halt: resume === true || rollback === true ? "" : before.halt,
  });
}
