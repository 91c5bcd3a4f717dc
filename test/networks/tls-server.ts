import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { privatelySigned } from "../support/certificate.ts";
import { type Stage, useStage } from "../support/stage.ts";

/** A stage whose server speaks TLS itself, with a certificate for localhost and 127.0.0.1. */
export interface TlsStage {
  readonly stage: Stage;
  /** File of its authority. */
  readonly ca: string;
}

export function useTlsStage(...args: readonly string[]): TlsStage {
  const directory = mkdtempSync(join(tmpdir(), "windlass-tls-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const { ca, cert, key } = privatelySigned(new Date());
  const files = { ca: join(directory, "ca.pem"), cert: join(directory, "tls.crt"), key: join(directory, "tls.key") };
  writeFileSync(files.ca, ca);
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  const tls = ["--tls-cert-file", files.cert, "--tls-key-file", files.key];
  return { stage: useStage({ args: [...tls, ...args], ca }), ca: files.ca };
}
