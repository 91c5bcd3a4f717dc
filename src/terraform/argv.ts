import { WindlassError } from "../lib/errors.ts";

/** What a run may ask of a plan. Nothing else of a run reaches terraform's arguments. */
export interface PlanOptions {
  /** Where the plan is written. */
  readonly out: string;
  readonly destroy?: boolean;
  /** False skips reading the real objects. */
  readonly refresh?: boolean;
  readonly refreshOnly?: boolean;
  readonly targets?: readonly string[];
  readonly replace?: readonly string[];
  readonly varFiles?: readonly string[];
  readonly parallelism?: number;
}

export interface ApplyOptions {
  /** The saved plan. */
  readonly plan: string;
  readonly parallelism?: number;
}

export interface InitOptions {
  /** True refuses to add providers to the lock file: right for an apply, which brings the plan's lock file. */
  readonly lockFileReadonly?: boolean;
}

const quiet = ["-input=false", "-no-color"];

/** Arguments of `terraform init`, without the program. */
export const initArgv = ({ lockFileReadonly = false }: InitOptions = {}): string[] => [
  "init",
  ...quiet,
  ...(lockFileReadonly ? ["-lockfile=readonly"] : []),
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
    varFiles = [],
  } = options;
  if (refreshOnly && destroy) throw conflict("refresh-only and destroy");
  if (refreshOnly && !refresh) throw conflict("refresh-only and refresh=false");
  if (refreshOnly && replace.length > 0) throw conflict("refresh-only and replace");
  return [
    "plan",
    ...quiet,
    "-detailed-exitcode",
    `-out=${out}`,
    ...(destroy ? ["-destroy"] : []),
    ...(refresh ? [] : ["-refresh=false"]),
    ...(refreshOnly ? ["-refresh-only"] : []),
    ...targets.map((address) => `-target=${checkedAddress(address)}`),
    ...replace.map((address) => `-replace=${checkedAddress(address)}`),
    ...varFiles.map((file) => `-var-file=${file}`),
    ...parallelismArgv(options.parallelism),
  ];
}

/** Arguments of the apply of a saved plan, with one JSON event a line. Variables come from `*.auto.tfvars` files. */
export const applyArgv = ({ plan, parallelism }: ApplyOptions): string[] => [
  "apply",
  "-input=false",
  "-json",
  ...parallelismArgv(parallelism),
  checkedPath(plan),
];

/** Arguments that print a saved plan as one JSON document. It holds every secret in clear. */
export const showPlanArgv = (plan: string): string[] => ["show", "-json", checkedPath(plan)];

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
