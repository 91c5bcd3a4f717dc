/** The variables a program was started with. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy of the environment of this process: the only place where it is read. */
export const readEnvironment = (): Environment => ({ ...process.env });
