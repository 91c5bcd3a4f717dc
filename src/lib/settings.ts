import { readFileSync } from "node:fs";
import { didYouMean } from "./did-you-mean.ts";
import type { Environment } from "./environment.ts";
import type { SettingSchema } from "./setting-schemas.ts";
import { messageOf } from "./values/errors.ts";

/** One setting of a program: where it may come from, what it must look like and what it is without being given. */
export interface Setting<T> {
  /** What it sets, for help texts. */
  readonly about: string;
  /** The flag's name without dashes; absent for what must never stand on a command line. */
  readonly flag?: string | undefined;
  /** One letter that stands for the flag. */
  readonly short?: string | undefined;
  /** Absent: flag only. */
  readonly env?: string | undefined;
  /** The variable of another program that means the same: taken where none of ours is given. */
  readonly alias?: SettingAlias | undefined;
  /** `<env>_FILE` names a file that holds the value; true if absent. */
  readonly hasFileForm?: boolean | undefined;
  readonly schema: SettingSchema<T>;
  /** Never shown in a message. */
  readonly isSecret?: boolean | undefined;
  /** What holds where it is not given, in words: for values that depend on something else. */
  readonly otherwise?: string | undefined;
  readonly fallback: { readonly kind: "value"; readonly value: T } | { readonly kind: "required" };
}

export interface SettingAlias {
  readonly env: string;
  /** The other program's value as one of ours. */
  readonly asOurs?: ((text: string) => string) | undefined;
}

type Spec<T> = Omit<Setting<T>, "fallback">;

/** A setting that has a value in any case. */
export const setting = <T>(spec: Spec<T>, fallback: NoInfer<T>): Setting<T> => ({
  ...spec,
  fallback: { kind: "value", value: fallback },
});

/** A setting that must be given. */
export const requiredSetting = <T>(spec: Spec<T>): Setting<T> => ({ ...spec, fallback: { kind: "required" } });

/** A setting that may be left out. */
export const optionalSetting = <T>(spec: Spec<T>): Setting<T | undefined> => ({
  ...spec,
  fallback: { kind: "value", value: undefined },
});

/** Settings whose variable is this prefix and the flag's name: of `WINDLASS`, `--keep-runs` is `WINDLASS_KEEP_RUNS`. */
export const settingsWith = (prefix: string, more: { readonly hasFileForm?: boolean } = {}) => {
  const named = <T>(spec: FlagSpec<T>): Spec<T> => ({ env: variableOf(prefix, spec.flag), ...more, ...spec });
  return {
    setting: <T>(spec: FlagSpec<T>, fallback: NoInfer<T>): Setting<T> => setting(named(spec), fallback),
    optional: <T>(spec: FlagSpec<T>): Setting<T | undefined> => optionalSetting(named(spec)),
  };
};

type FlagSpec<T> = Spec<T> & { readonly flag: string };

const variableOf = (prefix: string, flag: string): string => `${prefix}_${flag.toUpperCase().replaceAll("-", "_")}`;

/** The settings of a program by the names its code uses. */
// biome-ignore lint/suspicious/noExplicitAny: each setting has a type of its own, which SettingValues reads back
export type Settings = Readonly<Record<string, Setting<any>>>;
export type SettingValues<S extends Settings> = {
  readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never;
};

/** Where a value came from: `--listen`, `WINDLASS_LISTEN`, `WINDLASS_TOKEN_FILE`, or `default`. */
export type Origins<S extends Settings> = { readonly [Name in keyof S]: string };

export interface SettingSources {
  /** Values by flag name as the command line gave them; undefined counts as not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Environment;
  /** A configuration file: values by flag name. Its unknown names are problems. */
  readonly file?: SettingFile | undefined;
  /** Further variables with our prefix that are no mistake: those of the sister programs. */
  readonly alsoKnown?: readonly string[] | undefined;
  /** Reads the file that a `_FILE` variable names. */
  readonly readFile?: ((path: string) => string) | undefined;
}

export interface SettingFile {
  readonly path: string;
  /** Scalars, lists of scalars, or maps of names to scalars. */
  readonly values: Readonly<Record<string, unknown>>;
}

export type LoadOutcome<S extends Settings> =
  | {
      readonly kind: "loaded";
      readonly values: SettingValues<S>;
      readonly origins: Origins<S>;
      /** One sentence for each variable that looks like ours and is not. */
      readonly unknown: readonly string[];
    }
  /** Every problem at once, the unknown variables included, one sentence each. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

type Found = { readonly kind: "found"; readonly text: string; readonly origin: string };
type Resolved =
  | { readonly kind: "value"; readonly value: unknown; readonly origin: string }
  | { readonly kind: "problem"; readonly problem: string };

/**
 * Reads every setting: flag, else variable, else the file that the `_FILE` variable names, else the configuration file,
 * else the default.
 */
export function loadSettings<S extends Settings>(settings: S, sources: SettingSources): LoadOutcome<S> {
  const values: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  const problems: string[] = [...unknownInFile(settings, sources.file)];
  for (const [name, one] of Object.entries(settings)) {
    const resolved = resolve(one, sources);
    if (resolved.kind === "problem") problems.push(resolved.problem);
    else [values[name], origins[name]] = [resolved.value, resolved.origin];
  }
  const unknown = unknownVariables(settings, sources);
  if (problems.length > 0) return { kind: "invalid", problems: [...problems, ...unknown] };
  return { kind: "loaded", values: values as SettingValues<S>, origins: origins as Origins<S>, unknown };
}

/** Every variable these settings can be given by, the `_FILE` forms included. */
export const settingVariables = (settings: Settings): readonly string[] =>
  Object.values(settings).flatMap(({ env, hasFileForm = true }) =>
    env === undefined ? [] : hasFileForm ? [env, `${env}_FILE`] : [env],
  );

/** The values of settings that nobody gives. */
export const defaultsOf = <S extends Settings>(settings: S): SettingValues<S> =>
  Object.fromEntries(
    Object.entries(settings).map(([name, { fallback }]) => [
      name,
      fallback.kind === "value" ? fallback.value : undefined,
    ]),
  ) as SettingValues<S>;

function resolve(one: Setting<unknown>, sources: SettingSources): Resolved {
  const found = find(one, sources);
  if (found?.kind === "problem") return found;
  if (found !== undefined) return check(one, found);
  if (one.fallback.kind === "value") return { kind: "value", value: one.fallback.value, origin: "default" };
  return { kind: "problem", problem: `${one.about} is needed: give ${waysToGive(one)}` };
}

function find(
  one: Setting<unknown>,
  sources: SettingSources,
): Found | Extract<Resolved, { kind: "problem" }> | undefined {
  return findGiven(one, sources) ?? findInFile(one, sources.file);
}

function findInFile({ flag }: Setting<unknown>, file: SettingFile | undefined): Found | undefined {
  const value = flag === undefined ? undefined : file?.values[flag];
  if (file === undefined || value === undefined || value === null) return undefined;
  return { kind: "found", text: textIn(value), origin: `${file.path}: ${flag}` };
}

/** A value of a configuration file as it would stand on the command line. */
function textIn(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(",");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([name, one]) => `${name}=${String(one)}`)
    .join(",");
}

function unknownInFile(settings: Settings, file: SettingFile | undefined): readonly string[] {
  if (file === undefined) return [];
  const known = Object.values(settings).flatMap(({ flag }) => flag ?? []);
  const unknown = Object.keys(file.values).filter((name) => !known.includes(name));
  return unknown.map((name) => `${file.path}: ${name} is not a setting${didYouMean(name, known)}`);
}

function findGiven(
  one: Setting<unknown>,
  sources: SettingSources,
): Found | Extract<Resolved, { kind: "problem" }> | undefined {
  const flag = one.flag === undefined ? undefined : sources.flags[one.flag];
  if (flag !== undefined) return { kind: "found", text: String(flag), origin: `--${one.flag}` };
  if (one.env === undefined) return undefined;
  const variable = sources.environment[one.env];
  if (variable !== undefined && variable !== "") return { kind: "found", text: variable, origin: one.env };
  const fileVariable = `${one.env}_FILE`;
  const path = sources.environment[fileVariable];
  if (path === undefined || path === "") return findAlias(one, sources.environment);
  try {
    const read = sources.readFile ?? ((file: string) => readFileSync(file, "utf8"));
    return { kind: "found", text: read(path).replace(/\r?\n$/, ""), origin: fileVariable };
  } catch (error) {
    const why = messageOf(error);
    return { kind: "problem", problem: `${fileVariable}: ${path} cannot be read: ${why}` };
  }
}

function findAlias({ alias }: Setting<unknown>, environment: Environment): Found | undefined {
  const text = alias === undefined ? undefined : environment[alias.env];
  if (alias === undefined || text === undefined || text === "") return undefined;
  return { kind: "found", text: alias.asOurs?.(text) ?? text, origin: alias.env };
}

function check(one: Setting<unknown>, { text, origin }: Found): Resolved {
  const value = one.schema.read(text);
  if (value !== undefined) return { kind: "value", value, origin };
  const why = one.schema.why?.(text);
  if (why !== undefined) return { kind: "problem", problem: `${origin}: ${why}` };
  const got = one.isSecret
    ? "something else (not shown: it is a secret)"
    : JSON.stringify(one.schema.shown?.(text) ?? text);
  return { kind: "problem", problem: `${origin}: expected ${one.schema.expected}, got ${got}` };
}

function waysToGive({ flag, env }: Setting<unknown>): string {
  const ways = [...(flag === undefined ? [] : [`--${flag}`]), ...(env === undefined ? [] : [env, `${env}_FILE`])];
  return ways.join(" or ");
}

const prefix = "WINDLASS_";

function unknownVariables(settings: Settings, { environment, alsoKnown = [] }: SettingSources): readonly string[] {
  const known = [...settingVariables(settings), ...alsoKnown];
  const given = Object.keys(environment).filter((name) => name.startsWith(prefix) && !known.includes(name));
  return given.sort().map((name) => `${name} is not a variable of Windlass${didYouMean(name, known)}`);
}
