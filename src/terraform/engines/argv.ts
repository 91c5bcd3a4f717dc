import { WindlassError } from "../../lib/words/errors.ts";

/** What a run may ask of a plan. Nothing else of a run reaches terraform's arguments. */
export interface PlanOptions {
  /** Where the plan is written. */
  readonly out: string;
  readonly destroy?: boolean | undefined;
  /** False skips reading the real objects. */
  readonly refresh?: boolean | undefined;
  readonly refreshOnly?: boolean | undefined;
  readonly targets?: readonly string[] | undefined;
  readonly replace?: readonly string[] | undefined;
  /** Only OpenTofu knows it. */
  readonly excludes?: readonly string[] | undefined;
  readonly varFiles?: readonly string[] | undefined;
  /** Where the state is, if not in the working directory; with the local backend only. */
  readonly state?: string | undefined;
  readonly parallelism?: number | undefined;
  /** A file that is not there yet: for the configuration of imported objects that have none. */
  readonly generatedConfiguration?: string | undefined;
}

export interface ApplyOptions {
  /** The saved plan. */
  readonly plan: string;
  readonly varFiles?: readonly string[] | undefined;
  /** Where the state is, if not in the working directory; with the local backend only. */
  readonly state?: string | undefined;
  readonly parallelism?: number | undefined;
  /** Only OpenTofu knows it. */
  readonly suppressForgetErrors?: boolean | undefined;
}

export interface InitOptions {
  /** True refuses to add providers to the lock file: right for an apply, which brings the plan's lock file. */
  readonly lockFileReadonly?: boolean | undefined;
  /** Values that OpenTofu needs to know where modules are and how states are encrypted. */
  readonly varFiles?: readonly string[] | undefined;
}

const quiet = ["-input=false", "-no-color"];

/** Arguments of `terraform init`, without the program. */
export const initArgv = ({ lockFileReadonly = false, varFiles = [] }: InitOptions = {}): string[] => [
  "init",
  ...quiet,
  ...(lockFileReadonly ? ["-lockfile=readonly"] : []),
  ...varFilesArgv(varFiles),
];

/** Arguments of a plan in human format: exit code 0 = no changes, 2 = changes, 1 = failed. Throws `validation`. */
export function planArgv(options: PlanOptions): string[] {
  const {
    out,
    destroy = false,
    refresh = true,
    refreshOnly = false,
    targets = [],
    replace = [],
    excludes = [],
    varFiles = [],
  } = options;
  if (refreshOnly && destroy) throw conflict("refresh-only and destroy");
  if (refreshOnly && !refresh) throw conflict("refresh-only and refresh=false");
  if (refreshOnly && replace.length > 0) throw conflict("refresh-only and replace");
  if (targets.length > 0 && excludes.length > 0) throw conflict("target and exclude");
  return [
    "plan",
    ...quiet,
    "-detailed-exitcode",
    `-out=${out}`,
    ...stateArgv(options.state),
    ...(destroy ? ["-destroy"] : []),
    ...(refresh ? [] : ["-refresh=false"]),
    ...(refreshOnly ? ["-refresh-only"] : []),
    ...targets.map((address) => `-target=${checkedAddress(address)}`),
    ...excludes.map((address) => `-exclude=${checkedAddress(address)}`),
    ...replace.map((address) => `-replace=${checkedAddress(address)}`),
    ...(options.generatedConfiguration === undefined ? [] : [`-generate-config-out=${options.generatedConfiguration}`]),
    ...varFilesArgv(varFiles),
    ...parallelismArgv(options.parallelism),
  ];
}

/** Arguments of the apply of a saved plan, with one JSON event a line. */
export const applyArgv = ({ plan, varFiles = [], state, parallelism, ...asked }: ApplyOptions): string[] => [
  "apply",
  "-input=false",
  "-json",
  ...(asked.suppressForgetErrors === true ? ["-suppress-forget-errors"] : []),
  ...stateArgv(state),
  ...varFiles.map((file) => `-var-file=${file}`),
  ...parallelismArgv(parallelism),
  checkedPath(plan),
];

/** Arguments that print a saved plan as one JSON document. It holds every secret in clear. */
export const showPlanArgv = (plan: string, varFiles: readonly string[] = []): string[] => [
  "show",
  "-json",
  ...varFilesArgv(varFiles),
  checkedPath(plan),
];

/** Arguments that print the schemas of all providers as one JSON document. */
export const schemasArgv = (varFiles: readonly string[] = []): string[] => [
  ...["providers", "schema", "-json"],
  ...varFilesArgv(varFiles),
];

const varFilesArgv = (files: readonly string[]): readonly string[] => files.map((file) => `-var-file=${file}`);

const stateArgv = (state: string | undefined): readonly string[] => (state === undefined ? [] : [`-state=${state}`]);

function parallelismArgv(parallelism: number | undefined): string[] {
  if (parallelism === undefined) return [];
  if (Number.isInteger(parallelism) && parallelism >= 1 && parallelism <= 256) return [`-parallelism=${parallelism}`];
  throw new WindlassError("validation", `parallelism is ${parallelism}: expected a whole number from 1 to 256`);
}

function checkedAddress(address: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (address !== "" && address.length <= 4096 && !/[\u0000-\u001f]/.test(address)) return address;
  throw new WindlassError("validation", `${JSON.stringify(address)} is not a resource address`);
}

/** A positional argument that starts with a dash would be read as a flag. */
function checkedPath(path: string): string {
  if (path !== "" && !path.startsWith("-")) return path;
  throw new WindlassError("internal", `${JSON.stringify(path)} cannot be a plan's path`);
}

const conflict = (options: string): WindlassError =>
  new WindlassError("validation", `a run cannot have both ${options}: leave one out`);
