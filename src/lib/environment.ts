/** The variables a program was started with. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy of the environment of this process: the only place where it is read. */
export const readEnvironment = (): Environment => ({ ...process.env });

/**
 * Bounds how long the C library asks nameservers that do not answer, unless the environment does so itself. It cannot be told to stop,
 * and no process ends before it has: of three dead ones it would ask for half a minute, with domains to search for a minute.
 */
export function boundResolver(): void {
  process.env.RES_OPTIONS ??= "timeout:2 attempts:2";
}
