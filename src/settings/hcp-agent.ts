import type { Environment } from "../lib/environment.ts";
import type { Settings } from "../lib/settings.ts";

/** The time-outs of HCP Terraform's agents are seconds. */
export const secondsIn = (text: string): string => (/^\d+$/.test(text) ? `${text}s` : text);

/** What HCP Terraform's agents take beside plans and applies, and this one does not, or does as a part of them. */
const otherJobs: ReadonlySet<string> = new Set([
  ...["assessment", "ingress", "policy", "test"],
  ...["source_bundle", "stack_apply", "stack_plan", "stack_prepare"],
]);

/** Of the kinds of jobs that one of HCP Terraform's agents is told to take, those that this one knows. */
export function phasesIn(text: string): string {
  const ours = text
    .split(",")
    .map((kind) => kind.trim())
    .filter((kind) => !otherJobs.has(kind));
  return ours.length === 0 ? text : ours.join(",");
}

/** This agent's log has no level below debug. */
export const logLevelIn = (text: string): string => text.toLowerCase().replace("trace", "debug");

/**
 * What becomes of the variables that HCP Terraform's agents know, for the log; undefined if there is none. `origins` says where
 * settings came from. A token was hidden before: its variable is there, and empty.
 */
export function aliasesSentence(
  settings: Settings,
  environment: Environment,
  origins: Readonly<Record<string, string>>,
): string | undefined {
  const given = Object.keys(environment).filter((name) => name.startsWith("TFC_AGENT_"));
  const aliases = Object.values(settings).flatMap(({ env, alias }) =>
    alias === undefined ? [] : [[alias.env, env] as const],
  );
  const ours = new Map(aliases);
  const used = new Set(Object.values(origins));
  const isTaken = (name: string): boolean => used.has(name) || (name === "TFC_AGENT_TOKEN" && environment[name] === "");
  const [taken, left] = [given.filter(isTaken), given.filter((name) => !isTaken(name))];
  const said = [
    ...(taken.length > 0
      ? [
          `variables of HCP Terraform's agents are taken: ${taken.map((name) => `${name} as ${ours.get(name)}`).join(", ")}`,
        ]
      : []),
    ...(left.length > 0 ? [`variables of HCP Terraform's agents that are not taken: ${left.join(", ")}`] : []),
  ];
  return said.length === 0 ? undefined : said.join("; ");
}
