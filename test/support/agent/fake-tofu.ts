import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A program that behaves as OpenTofu does where it is not terraform, and writes down how it was called. */
export interface FakeTofu {
  readonly path: string;
  /** What each execution of a verb was called with, and what its variable files said. */
  calls(verb: string): Promise<readonly string[]>;
}

export const fakeLockFile = 'provider "registry.opentofu.org/test/fake" {\n  version = "1.0.0"\n}\n';

/** What it prints when `show` is told to fail, by a file `show-fails` in the configuration. */
export const showFailure = "Error: Unable to use static value";

/**
 * With a file `plan-waits` in the configuration a plan is at its end when it is interrupted. Plans and states are
 * encrypted: JSON documents with `encrypted_data`. An init of a plan writes a lock file, that of an apply prints the
 * one it finds. With a file `apply-killed` an apply prints what is in it, has written `state.json`, if there is one,
 * and is killed.
 */
export async function makeFakeTofu(directory: string, version = "1.12.6"): Promise<FakeTofu> {
  const path = join(directory, "tofu");
  const notes = join(directory, "calls");
  const script = `#!/bin/sh
note() {
  printf '%s' "$*" >> '${notes}'
  for one in "$@"; do case "$one" in -var-file=*) tr -d '\\n' < "\${one#-var-file=}" >> '${notes}' ;; esac; done
  echo >> '${notes}'
}
option() { name=$1; shift; for one in "$@"; do case "$one" in "$name"=*) echo "\${one#*=}" ;; esac; done; }
[ "$1" = version ] || note "$@"
case "$1" in
version)
  [ "$2" = -json ] && echo '{"terraform_version":"${version}","platform":"linux_amd64","provider_selections":{}}' && exit
  echo 'OpenTofu v${version}' ;;
init)
  mkdir -p .terraform
  echo '{"backend":{"type":"local","config":{"path":null}}}' > .terraform/terraform.tfstate
  case "$*" in
  *-lockfile=readonly*) echo 'lock file:'; cat .terraform.lock.hcl ;;
  *) printf '%s' '${fakeLockFile}' > .terraform.lock.hcl ;;
  esac ;;
plan)
  [ -f plan-crashes ] && echo 'panic: runtime error: index out of range [3]' >&2 && exit 2
  if [ -f plan-waits ]; then trap 'over=1' INT; until [ -n "$over" ]; do sleep 0.05; done; fi
  echo '{"meta":{},"encrypted_data":"c2VjcmV0","encryption_version":"v0"}' > "$(option -out "$@")"
  exit 2 ;;
show)
  [ -f show-fails ] && echo '{"variables":{"pw":"never-to-be-seen"' && echo '${showFailure}' && exit 1
  printf '{"format_version":"1.2","terraform_version":"${version}","resource_changes":[%s]}\n' "$(cat changes.json 2>/dev/null)" ;;
apply)
  echo "began with"; cat "$(option -state "$@")" 2>/dev/null; echo "ended"
  echo '{"serial":1,"lineage":"l","meta":{},"encrypted_data":"c2VjcmV0","encryption_version":"v0"}' > "$(option -state "$@")"
  if [ -f apply-killed ]; then
    [ -f state.json ] && cp state.json "$(option -state "$@")"
    cat apply-killed && kill -9 $$
  fi
  [ -f apply-crashes ] && echo 'fatal error: concurrent map writes' >&2 && exit 2
  [ -f leaves-behind ] && case "$*" in *-suppress-forget-errors*) ;; *) cat leaves-behind && exit 1 ;; esac
  ls -a *.auto.tfvars* 2>/dev/null | sed 's/^/found /' >> '${notes}'
  echo '{"@level":"info","@message":"Apply complete!","type":"change_summary","changes":{"add":0,"change":0,"remove":0,"operation":"apply"}}' ;;
esac
`;
  await writeFile(path, script, { mode: 0o755 });
  const calls = async (verb: string) =>
    (await readFile(notes, "utf8").catch(() => "")).split("\n").filter((line) => line.split(" ")[0] === verb);
  return { path, calls };
}
