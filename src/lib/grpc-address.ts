import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { WindlassError } from "./errors.ts";
import { pathPrefixOf } from "./path-prefix.ts";

/** How a client trusts and shows itself, all in PEM. Without `ca` the authorities of the system are trusted. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name the server's certificate must bear, when it is not the host dialled. */
  readonly serverName?: string;
}

export interface GrpcTarget {
  /** As grpc-js takes it, for example `dns:tf.example.com:443`. */
  readonly target: string;
  readonly credentials: ChannelCredentials;
  /** Stands before the path of each call; empty is none. */
  readonly prefix: string;
}

/** What to dial for `http://host:port` (plaintext) or `https://host[:port]`, either with a path. Refuses anything else (`validation`). */
export function grpcTarget(address: string, tls: ClientTls = {}): GrpcTarget {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const prefix = pathPrefixOf(url?.pathname ?? "");
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || prefix === undefined) {
    throw new WindlassError("validation", `expected an address such as https://tf.example.com, got ${address}`);
  }
  const isSecure = url.protocol === "https:";
  const port = url.port === "" ? (isSecure ? "443" : "80") : url.port;
  return {
    target: `dns:${url.hostname}:${port}`,
    credentials: isSecure ? secure(tls) : credentials.createInsecure(),
    prefix,
  };
}

const secure = ({ ca, cert, key }: ClientTls) => credentials.createSsl(pem(ca), pem(key), pem(cert));

const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
