import { readFile } from "node:fs/promises";

/** Where systems keep the authorities that they trust, in one file. Source: Go's crypto/x509, root_linux.go. */
const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Authorities beside those of a file, or of the system: programs that are given a file trust nothing else. */
export async function joinAuthorities(caPem: string, file: string | undefined): Promise<string> {
  for (const path of file === undefined ? bundles : [file]) {
    const found = await readFile(path, "utf8").catch(() => undefined);
    if (found !== undefined) return `${found.trimEnd()}\n${caPem}`;
  }
  return caPem;
}
