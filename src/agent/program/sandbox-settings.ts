import { shownOf } from "../sandbox/hidden-paths.ts";

/** What is wrong with these paths, one sentence each; `hidden` are the files and directories that no job may see. */
export const sandboxPathProblems = (paths: readonly string[], hidden: readonly string[]): readonly string[] =>
  paths.flatMap((path) => {
    const secret = shownOf(path, hidden);
    return secret === undefined
      ? []
      : [`--sandbox-paths: ${path} would show ${secret} to jobs: name what they need only, and keep it elsewhere`];
  });
