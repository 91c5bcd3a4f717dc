import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

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

const localNames = ["localhost"];
const namesOf = (names: readonly string[]) =>
  sequence(...names.map((name) => der(0x82, Buffer.from(name))), der(0x87, [127, 0, 0, 1]));
const algorithm = sequence(oid(ids.ecdsaWithSha256));
const dayMs = 86_400_000;
/** The first number says how many bits of the last byte mean nothing. */
const usages = {
  authority: [2, 0b1010_0100], // signature, key encipherment, certificate signing
  server: [5, 0b1010_0000], // signature, key encipherment
} as const;

interface Contents {
  readonly subject: string;
  readonly issuer: string;
  /** Of the subject. */
  readonly publicKey: KeyObject;
  /** Of the issuer. */
  readonly signer: KeyObject;
  readonly isAuthority: boolean;
  /** Of the subject, beside 127.0.0.1. */
  readonly names?: readonly string[] | undefined;
  readonly now: Date;
}

/** A certificate for these names, else localhost, and 127.0.0.1, valid for a day around `now`, in PEM. */
function certificate({ subject, issuer, publicKey, signer, isAuthority, names = localNames, now }: Contents): string {
  const body = sequence(
    der(0xa0, der(tag.integer, [2])), // version 3
    der(tag.integer, [1], randomBytes(8)), // serial number: the 1 keeps it positive
    algorithm,
    nameOf(issuer),
    sequence(utcTime(new Date(now.getTime() - dayMs)), utcTime(new Date(now.getTime() + dayMs))),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(
      0xa3,
      sequence(
        sequence(oid(ids.subjectAltName), der(tag.bytes, namesOf(names))),
        critical(ids.basicConstraints, sequence(...(isAuthority ? [der(tag.boolean, [0xff])] : []))),
        critical(ids.keyUsage, der(tag.bits, isAuthority ? usages.authority : usages.server)),
      ),
    ),
  );
  const signed = sequence(body, algorithm, der(tag.bits, [0], sign("sha256", body, signer)));
  const lines = signed.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

const nameOf = (name: string) =>
  sequence(der(tag.set, sequence(oid(ids.commonName), der(tag.utf8, Buffer.from(name)))));

const newKeys = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const inPem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();

/** A self-signed certificate, which is an authority and vouches for itself, with its key, both in PEM. */
export function selfSigned(now: Date, name = "localhost"): { readonly cert: string; readonly key: string } {
  const { privateKey, publicKey } = newKeys();
  const cert = certificate({ subject: name, issuer: name, publicKey, signer: privateKey, isAuthority: true, now });
  return { cert, key: inPem(privateKey) };
}

interface Signed {
  /** Of the private authority; "a private authority" if absent. */
  readonly issuer?: string;
  /** What the certificate is for, beside 127.0.0.1; localhost if absent. */
  readonly names?: readonly string[];
  /** A day before its end; `now` if absent. The authority is valid around `now`. */
  readonly validAround?: Date;
}

/** A private authority and a certificate that it has signed, with the key of that one, all in PEM. */
export function privatelySigned(
  now: Date,
  { issuer = "a private authority", names = localNames, validAround = now }: Signed = {},
): { readonly ca: string; readonly cert: string; readonly key: string } {
  const [authority, server] = [newKeys(), newKeys()];
  const by = { issuer, signer: authority.privateKey };
  const [subject = "localhost"] = names;
  return {
    ca: certificate({ ...by, now, subject: issuer, publicKey: authority.publicKey, isAuthority: true }),
    cert: certificate({ ...by, names, now: validAround, subject, publicKey: server.publicKey, isAuthority: false }),
    key: inPem(server.privateKey),
  };
}
