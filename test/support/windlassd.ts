import type { CliAnswer, Scene, TestServer } from "./scene.ts";

/** Runs a command of `windlassd` to its end. */
export async function windlassd(
  scene: Scene,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliAnswer> {
  const program = scene.start("windlassd", args, env);
  return { ...(await program.ended), stdout: program.stdout(), stderr: program.stderr() };
}

/** The same for the data directory of a server. */
export const windlassdOf = (scene: Scene, { dataDir }: TestServer, args: readonly string[]): Promise<CliAnswer> =>
  windlassd(scene, [...args, "--data-dir", dataDir]);
