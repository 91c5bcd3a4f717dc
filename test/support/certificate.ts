import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

const tag = { boolean: 1, integer: 2, bits: 3, bytes: 4, oid: 6, utf8: 12, time: 23, sequence: 48, set: 49 } as const;
const ids = {
  ecdsaWithSha256: "2a8648ce3d040302",
  commonName: "550403",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  keyUsage: "551d0f",
} as const;

type Bytes = Uint8Array | readonly number[];

const length = (n: number) => (n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff]);

function der(type: number, ...parts: readonly Bytes[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Uint8Array.from(part)));
  return Buffer.concat([Buffer.from([type, ...length(body.length)]), body]);
}

const sequence = (...parts: readonly Bytes[]) => der(tag.sequence, ...parts);
const oid = (hex: string) => der(tag.oid, Buffer.from(hex, "hex"));
const utcTime = (date: Date) => der(tag.time, Buffer.from(`${date.toISOString().replace(/\D/g, "").slice(2, 14)}Z`));
const critical = (id: string, value: Bytes) => sequence(oid(id), der(tag.boolean, [0xff]), der(tag.bytes, value));

const names = sequence(der(0x82, Buffer.from("localhost")), der(0x87, [127, 0, 0, 1]));

/** A self-signed certificate for localhost and 127.0.0.1, valid for a day around `now`, with its key, both in PEM. */
export function selfSigned(now: Date): { readonly cert: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid(ids.ecdsaWithSha256));
  const name = sequence(der(tag.set, sequence(oid(ids.commonName), der(tag.utf8, Buffer.from("localhost")))));
  const dayMs = 86_400_000;
  const body = sequence(
    der(0xa0, der(tag.integer, [2])), // version 3
    der(tag.integer, [1], randomBytes(8)), // serial number: the 1 keeps it positive
    algorithm,
    name,
    sequence(utcTime(new Date(now.getTime() - dayMs)), utcTime(new Date(now.getTime() + dayMs))),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(
      0xa3,
      sequence(
        sequence(oid(ids.subjectAltName), der(tag.bytes, names)),
        critical(ids.basicConstraints, sequence(der(tag.boolean, [0xff]))), // a CA: it vouches for itself
        critical(ids.keyUsage, der(tag.bits, [2, 0b1010_0100])), // signature, key encipherment, certificate signing
      ),
    ),
  );
  const certificate = sequence(body, algorithm, der(tag.bits, [0], sign("sha256", body, privateKey)));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  const cert = ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}
