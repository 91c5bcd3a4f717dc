import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { terraformPath } from "../terraform.ts";

/**
 * What an init does: as terraform's, or it ends in error (perhaps only that of an apply), or it waits for a download
 * that never ends, deaf to an interrupt or not.
 */
export type InitManner = "works" | "fails" | "fails-apply" | "hangs" | "hangs-politely";

/** A terraform whose init does what a test wants, whatever it is interrupted by. */
export interface InitEngine {
  readonly path: string;
  /** From now on, also for an init that hangs. */
  behave(manner: InitManner): Promise<void>;
}

/** The line that an init prints before it hangs. */
export const hangingLine = "- Installing hashicorp/random v3.9.0...";

/**
 * In a sandbox, which does not show the engine's own file, a file `init-manner` in the configuration says what an init
 * does.
 */
export async function makeInitEngine(directory: string): Promise<InitEngine> {
  const path = join(directory, "terraform");
  const file = join(directory, "init-manner");
  const script = `#!/bin/sh
[ "$1" = init ] || exec '${terraformPath}' "$@"
manner() { cat '${file}' 2>/dev/null || cat init-manner 2>/dev/null; }
now=$(manner)
case "$now $*" in
"fails "* | "fails-apply "*-lockfile=readonly*) echo 'Error: Failed to query available provider packages'; exit 1 ;;
"hangs "*) trap '' INT; echo 'Initializing provider plugins...'; echo '${hangingLine}' ;;
"hangs-politely "*) trap 'echo "Error: context canceled"; exit 1' INT; echo '${hangingLine}' ;;
esac
while case $(manner) in hangs*) true ;; *) false ;; esac; do sleep 0.05; [ -d . ] || exit 1; done
exec '${terraformPath}' "$@"
`;
  await writeFile(path, script, { mode: 0o755 });
  return {
    path,
    behave: (manner) => (manner === "works" ? rm(file, { force: true }) : writeFile(file, manner)),
  };
}

/** A configuration that needs an init, which works without any network. */
export const initConfiguration: Readonly<Record<string, string>> = {
  "main.tf": `module "inner" {\n  source = "./inner"\n}\n`,
  "inner/main.tf": `resource "terraform_data" "one" {\n  input = "one"\n}\n`,
};
