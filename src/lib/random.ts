import { randomBytes, randomUUID } from "node:crypto";

/** Where chance comes from. Tests use a seeded one; programs use `systemRandom`. */
export interface Random {
  /** A random (v4) UUID. */
  uuid(): string;
  /** `length` bytes fit for secrets. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1): for jitter, never for secrets. */
  fraction(): number;
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  bytes: (length) => randomBytes(length),
  fraction: () => Math.random(),
};
