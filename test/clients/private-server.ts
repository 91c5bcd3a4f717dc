import { mkdtempSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { privatelySigned } from "../support/certificate.ts";
import { type Stage, useStage } from "../support/stage.ts";

/** A server with a certificate of a private authority, and what a client must know of it. */
export interface PrivateServer extends Stage {
  readonly caFile: string;
  /** PEM of that authority. */
  readonly ca: string;
  /** The variables of the examples: address, key and authority. */
  readonly env: Readonly<Record<string, string>>;
}

/** Opens a server with TLS for the tests of a `describe`. */
export function usePrivateServer(): PrivateServer {
  const { ca, cert, key } = privatelySigned(new Date());
  const folder = mkdtempSync(join(tmpdir(), "windlass-tls-"));
  const [caFile, certFile, keyFile] = [join(folder, "ca.crt"), join(folder, "tls.crt"), join(folder, "tls.key")];
  beforeAll(async () => {
    await Promise.all([writeFile(caFile, ca), writeFile(certFile, cert), writeFile(keyFile, key, { mode: 0o600 })]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const stage = useStage({ args: ["--tls-cert-file", certFile, "--tls-key-file", keyFile] });
  return {
    get scene() {
      return stage.scene;
    },
    get server() {
      return stage.server;
    },
    caFile,
    ca,
    get env() {
      const { url, adminTokenFile } = stage.server;
      return { WINDLASS_ADDRESS: url, WINDLASS_TOKEN_FILE: adminTokenFile, WINDLASS_CA_FILE: caFile };
    },
  };
}
