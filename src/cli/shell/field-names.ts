import { flagName } from "../line/flags.ts";
import type { Command } from "../shared/command.ts";

/** Fields of requests whose flag or positional has another name. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  agent_pool: ["pool"],
  agent_token_id: ["token", "tokens"],
  allow_empty_apply: ["allowEmptyApply"],
  api_key_id: ["key", "keys"],
  configuration_version_id: ["cv"],
  description: ["name"],
  excludes: ["exclude"],
  expires_in: ["expires"],
  inherits_execution_mode: ["inheritExecutionMode"],
  granted_workspaces: ["grant"],
  label_selector: ["selector"],
  overlap: ["grace", "overlap"],
  page_size: ["limit"],
  remote_state_consumers: ["shareStateWith"],
  refuses_destroy: ["refuseDestroy"],
  replacements: ["replace"],
  run_id: ["run"],
  shares_state_with_organization: ["shareState"],
  state_version_id: ["state"],
  tag_bindings: ["tag"],
  tags: ["tag"],
  targets: ["target"],
  user_provided_name: ["name"],
  variable_set: ["set"],
  variables: ["var", "assignments", "keys"],
};

/**
 * A field of a request as whoever typed the command knows it: `--engine-version` for `changes.engine_version`, the
 * placeholder of a positional, else the field's own words.
 */
export function fieldName(path: string, { flags, positionals }: Pick<Command, "flags" | "positionals">): string {
  const parts = path.replaceAll(/\[[^\]]*\]/g, "").split(".");
  for (const part of parts.toReversed()) {
    const own = part.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    for (const key of [own, ...(otherNames[part] ?? [])]) {
      const positional = positionals[key];
      if (positional !== undefined) return positional.placeholder.replaceAll(/[[\].]/g, "");
      if (flags[key] !== undefined) return `--${flagName(key)}`;
    }
  }
  return (parts.at(-1) ?? path).replaceAll("_", " ");
}
