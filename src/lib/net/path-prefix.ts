import { parsed, type SettingSchema } from "../setting-schemas.ts";

/** The path below which a server is reached: `/windlass` of `/windlass/`, empty of `/`; undefined if it is no such path. */
export function pathPrefixOf(path: string): string | undefined {
  const prefix = path.replace(/\/$/, "");
  return /^(\/[\w.~-]+)*$/.test(prefix) && !/\/\.{1,2}(\/|$)/.test(prefix) ? prefix : undefined;
}

/** `/windlass` or `/tools/windlass`. */
export const pathPrefix = (): SettingSchema<string> =>
  parsed("a path such as /windlass", (text) => pathPrefixOf(text) || undefined, "PATH");

/** The path of a request below the prefix; unchanged if it is not below it. */
export const withoutPrefix = (path: string, prefix: string): string =>
  prefix !== "" && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;

/** Whether what a request leads to is below the prefix: also what clients ask a host for at its root, wherever the server stands. */
export const isBelow = (path: string, prefix: string): boolean =>
  withoutPrefix(path, prefix) !== path || (prefix !== "" && path.startsWith("/.well-known/"));
