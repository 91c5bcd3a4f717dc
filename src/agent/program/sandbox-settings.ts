import { pathList } from "../../lib/setting-schemas.ts";
import { setting } from "../../lib/settings.ts";
import { isWithin } from "../sandbox/bubblewrap.ts";

/** What a sandbox shows beside the system; the variable begins with `prefix`. */
export const sandboxPathSettings = (prefix: "WINDLASS_AGENT" | "WINDLASS_SERVER") => ({
  sandboxPaths: setting(
    {
      about: "what jobs in a sandbox may read beside the system and PATH, a,b,…",
      flag: "sandbox-paths",
      env: `${prefix}_SANDBOX_PATHS`,
      schema: pathList(),
    },
    [],
  ),
});

/** What is wrong with these paths, one sentence each; `secrets` are the files and directories that no job may see. */
export const sandboxPathProblems = (paths: readonly string[], secrets: readonly string[]): readonly string[] =>
  paths.flatMap((path) => {
    const secret = secrets.find((one) => isWithin(one, path));
    return secret === undefined
      ? []
      : [`--sandbox-paths: ${path} would show ${secret} to jobs: name what they need only`];
  });
