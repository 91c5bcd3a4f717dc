import { isWithin } from "../sandbox/bubblewrap.ts";

/** What is wrong with these paths, one sentence each; `secrets` are the files and directories that no job may see. */
export const sandboxPathProblems = (paths: readonly string[], secrets: readonly string[]): readonly string[] =>
  paths.flatMap((path) => {
    const secret = secrets.find((one) => isWithin(one, path));
    return secret === undefined
      ? []
      : [`--sandbox-paths: ${path} would show ${secret} to jobs: name what they need only`];
  });
