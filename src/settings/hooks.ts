import { durationMs, list, parsed, path, written } from "../lib/setting-schemas.ts";
import { settingsWith } from "../lib/settings.ts";
import { type HookStage, hookStages } from "../lib/words/hook-stages.ts";
import { secondsIn } from "./hcp-agent.ts";

const { setting, optional } = settingsWith("WINDLASS_AGENT");

/** As HCP Terraform's agents have it. */
const maxHookMs = 600_000;
/** Of what runs when a job is over. */
const maxLastMs = 30_000;

/** Between 1 s and so long. */
function hookTime(maxMs = maxHookMs) {
  const any = durationMs();
  const read = (text: string) => {
    const ms = any.read(text);
    return ms !== undefined && ms >= 1_000 && ms <= maxMs ? ms : undefined;
  };
  return { ...any, expected: `a duration from 1s to ${any.write(maxMs)}, such as 20s`, read };
}

/** A stage of hooks with a time-out of its own, as HCP Terraform's agents have them. */
const hookTimeOf = (stage: "pre-plan" | "post-plan" | "pre-apply" | "post-apply", flag: string) =>
  optional({
    flag,
    about: `the same of a ${stage} hook`,
    schema: hookTime(),
    otherwise: "--hook-timeout",
    alias: { env: `TFC_AGENT_HOOK_${stage.toUpperCase().replace("-", "_")}_TIMEOUT`, asOurs: secondsIn },
  });

const lastHookTimeOf = (stage: "on-cancel" | "job-exit", flag: string) =>
  optional({
    flag,
    about: `the same of an ${stage} hook, at most 30s`.replace("an job", "a job"),
    schema: hookTime(maxLastMs),
    otherwise: "--hook-timeout, at most 30s",
  });

/** `pre-init,job-exit`: stages of hooks. */
const stages = () =>
  written(
    parsed(
      `stages of hooks: ${hookStages.join(", ")}`,
      (text): readonly HookStage[] | undefined => {
        const words = list().read(text) ?? [];
        const found = hookStages.filter((stage) => words.includes(stage));
        return words.length > 0 && words.every((word) => found.some((stage) => stage === word)) ? found : undefined;
      },
      "STAGE,STAGE",
    ),
    (values) => values.join(","),
  );

/** `TF_CLI_ARGS_plan,TF_CLI_ARGS_apply`: nothing else of what the agent sets can be given away. */
const argumentNames = () =>
  written(
    parsed(
      "names that begin with TF_CLI_ARGS",
      (text) => {
        const words = list().read(text) ?? [];
        return words.length > 0 && words.every((word) => /^TF_CLI_ARGS(_[a-z_]+)?$/.test(word)) ? words : undefined;
      },
      "NAME,NAME",
    ),
    (values) => values.join(","),
  );

/** Programs that run before and after terraform. */
export const hookSettings = {
  hooksDir: optional({
    flag: "hooks-dir",
    about: "programs that run before and after terraform (docs/hooks.md)",
    schema: path("DIR"),
    otherwise: "hooks in the data directory",
  }),
  hooksOutsideSandbox: optional({
    flag: "hooks-outside-sandbox",
    about: "stages whose hooks run as the agent itself does, with all that it may do",
    schema: stages(),
    otherwise: "none",
  }),
  hooksMaySet: optional({
    flag: "hooks-may-set",
    about: "variables with arguments for terraform that hooks may set",
    schema: argumentNames(),
    otherwise: "none",
  }),
  hookTimeout: setting(
    {
      flag: "hook-timeout",
      about: "how long one hook may take, at most 10m",
      schema: hookTime(),
      alias: { env: "TFC_AGENT_HOOK_TIMEOUT", asOurs: secondsIn },
    },
    60_000,
  ),
  hookPreInitTimeout: optional({
    flag: "hook-pre-init-timeout",
    about: "the same of a pre-init hook",
    schema: hookTime(),
    otherwise: "--hook-timeout",
  }),
  hookPrePlanTimeout: hookTimeOf("pre-plan", "hook-pre-plan-timeout"),
  hookPostPlanTimeout: hookTimeOf("post-plan", "hook-post-plan-timeout"),
  hookPreApplyTimeout: hookTimeOf("pre-apply", "hook-pre-apply-timeout"),
  hookPostApplyTimeout: hookTimeOf("post-apply", "hook-post-apply-timeout"),
  hookOnCancelTimeout: lastHookTimeOf("on-cancel", "hook-on-cancel-timeout"),
  hookJobExitTimeout: lastHookTimeOf("job-exit", "hook-job-exit-timeout"),
};
