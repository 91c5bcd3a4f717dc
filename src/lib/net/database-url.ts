import { didYouMean } from "../did-you-mean.ts";

/** Where one server of a database listens. */
export interface DatabaseHost {
  /** A name, an address, or a directory with a socket; undefined is the driver's default. */
  readonly host: string | undefined;
  readonly port: number;
}

export const sslModes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof sslModes)[number];

/** How a connection is encrypted: libpq's words and meanings. */
export interface DatabaseTls {
  readonly mode: SslMode;
  /** A file of authorities (PEM), or `system`. */
  readonly rootCert: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly keyPassword: string | undefined;
  readonly isDirect: boolean;
}

/** What the URL of a PostgreSQL database says. */
export interface DatabaseAddress {
  /** At least one; they are tried in this order. */
  readonly hosts: readonly DatabaseHost[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly tls: DatabaseTls;
  readonly passFile: string | undefined;
  /** Command-line options for the server's process: `-c search_path=windlass`. */
  readonly options: string | undefined;
  readonly applicationName: string | undefined;
  readonly connectTimeoutMs: number;
  /** How long a connection rests before its other end is asked for a sign of life; 0 is never. */
  readonly keepAliveAfterMs: number;
  /** A server that cannot be written to counts as one that does not answer. */
  readonly isWritable: boolean;
}

export type DatabaseUrl =
  | { readonly kind: "address"; readonly address: DatabaseAddress }
  /** Why an option of it cannot be used; undefined for what is no URL of a database at all. Never shows a value that may be secret. */
  | { readonly kind: "problem"; readonly problem: string | undefined };

const shape = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#@]*))?(?:\?([^#@]*))?$/;
const defaultPort = 5432;
const defaultConnectTimeoutMs = 10_000;
const defaultKeepAliveMs = 10_000;

/** What can stand behind the `?`, by libpq's names. */
const optionNames = [
  ...["host", "port", "user", "password", "dbname", "passfile"],
  ...["sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslnegotiation"],
  ...["application_name", "options", "connect_timeout", "keepalives", "keepalives_idle"],
  ...["target_session_attrs", "channel_binding", "client_encoding", "gssencmode", "load_balance_hosts"],
] as const;
type OptionName = (typeof optionNames)[number];
type Options = { readonly [Name in OptionName]?: string };

/** What other drivers know and this one does not, with what to say instead. */
const elsewhere: Readonly<Record<string, string>> = {
  ssl: "say sslmode=verify-full, or sslmode=require for TLS that trusts any certificate",
  uselibpqcompat: "leave it out: sslmode means what it means to psql",
  pgbouncer: "say --database-pooling transaction",
  connection_limit: "say --database-connections",
  pool_max_conns: "say --database-connections",
  statement_timeout: "say --database-statement-timeout",
  sslcrl: "lists of revoked certificates are not looked at",
  service: "write what the service says into the URL",
};

class BadOption extends Error {}

/** Reads a URL as libpq does: several hosts, sockets, and its options. */
export function readDatabaseUrl(text: string): DatabaseUrl {
  try {
    const address = addressOf(text);
    return address === undefined ? { kind: "problem", problem: undefined } : { kind: "address", address };
  } catch (error) {
    if (error instanceof BadOption) return { kind: "problem", problem: error.message };
    if (error instanceof URIError) return { kind: "problem", problem: undefined };
    throw error;
  }
}

function addressOf(text: string): DatabaseAddress | undefined {
  const parts = shape.exec(text);
  if (parts === null) return undefined;
  const [, login, authority = "", path = "", search = ""] = parts;
  const options = optionsOf(search);
  const [user, password] = loginOf(login);
  const hosts = hostsOf(authority, options);
  if (hosts === undefined) return undefined;
  refuseOthers(options);
  return {
    hosts,
    user: options.user ?? user,
    password: options.password ?? password,
    database: options.dbname ?? (path === "" ? undefined : decodeURIComponent(path)),
    tls: tlsOf(options),
    passFile: options.passfile,
    options: options.options,
    applicationName: options.application_name,
    connectTimeoutMs: secondsOf("connect_timeout", options.connect_timeout) ?? defaultConnectTimeoutMs,
    keepAliveAfterMs: keepAliveOf(options),
    isWritable: isWritableOf(options, hosts.length),
  };
}

function optionsOf(search: string): Options {
  const given = new Map<string, string>();
  for (const pair of search.split("&").filter((one) => one !== "")) {
    const at = pair.indexOf("=");
    const name = decodeURIComponent(at < 0 ? pair : pair.slice(0, at));
    if (!isOptionName(name)) throw new BadOption(unknownOption(name));
    const value = at < 0 ? "" : decodeURIComponent(pair.slice(at + 1));
    if (value !== "") given.set(name, value);
  }
  return Object.fromEntries(given);
}

const isOptionName = (name: string): name is OptionName => optionNames.some((one) => one === name);

function unknownOption(name: string): string {
  const shown = /^[\w.-]{1,40}$/.test(name) ? name : "something";
  const instead = elsewhere[shown];
  const near = instead === undefined ? didYouMean(shown, optionNames) : `: ${instead}`;
  return `${shown} is not an option of this URL${near === "" ? `: it can have ${optionNames.join(", ")}` : near}`;
}

function loginOf(login: string | undefined): readonly [string | undefined, string | undefined] {
  if (login === undefined) return [undefined, undefined];
  const at = login.indexOf(":");
  const user = decodeURIComponent(at < 0 ? login : login.slice(0, at));
  const password = at < 0 ? "" : decodeURIComponent(login.slice(at + 1));
  return [user === "" ? undefined : user, password === "" ? undefined : password];
}

function hostsOf(authority: string, options: Options): readonly DatabaseHost[] | undefined {
  const named = authority.split(",").map(hostOf);
  if (named.some((one) => one === undefined)) return undefined;
  const ports = options.port?.split(",").map(portOf);
  if (ports?.some((port) => port === undefined)) throw new BadOption("port: expected numbers from 1 to 65535");
  const hosts = options.host?.split(",").map((host) => ({ host, port: undefined })) ?? named;
  if (ports !== undefined && ports.length !== 1 && ports.length !== hosts.length)
    throw new BadOption(`port: expected one port, or one for each of the ${hosts.length} hosts, got ${ports.length}`);
  return hosts.map((one, index) => ({
    host: one?.host,
    port: one?.port ?? ports?.[ports.length === 1 ? 0 : index] ?? defaultPort,
  }));
}

interface NamedHost {
  readonly host: string | undefined;
  readonly port: number | undefined;
}

function hostOf(text: string): NamedHost | undefined {
  const parts = /^(?:\[([0-9a-fA-F:.%]+)\]|([^[\]:]*))(?::(\d*))?$/.exec(text);
  if (parts === null) return undefined;
  const [, address, name = "", portText = ""] = parts;
  const port = portOf(portText);
  if (portText !== "" && port === undefined) return undefined;
  const host = address ?? decodeURIComponent(name);
  return { host: host === "" ? undefined : host, port };
}

function portOf(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

function tlsOf(options: Options): DatabaseTls {
  const { sslrootcert: rootCert, sslcert: cert, sslkey: key, sslpassword: keyPassword } = options;
  const isSystem = rootCert === "system";
  const mode = wordOf("sslmode", options.sslmode, sslModes) ?? (isSystem ? "verify-full" : "disable");
  const isDirect = wordOf("sslnegotiation", options.sslnegotiation, ["postgres", "direct"]) === "direct";
  if (isSystem && mode !== "verify-full") throw new BadOption("sslrootcert=system needs sslmode=verify-full");
  if (mode === "disable" && (rootCert ?? cert ?? key) !== undefined)
    throw new BadOption("sslrootcert, sslcert and sslkey need a sslmode, such as sslmode=verify-full");
  if ((cert === undefined) !== (key === undefined)) throw new BadOption("sslcert and sslkey go together");
  if (mode === "verify-ca" && rootCert === undefined)
    throw new BadOption("sslmode=verify-ca needs sslrootcert, the file of the authority");
  if (isDirect && (mode === "disable" || mode === "prefer"))
    throw new BadOption("sslnegotiation=direct needs sslmode=require or stricter");
  return { mode, rootCert, cert, key, keyPassword, isDirect };
}

/** Whoever names several servers means the one that can be written to. */
function isWritableOf(options: Options, hosts: number): boolean {
  const words = ["any", "read-write", "primary"] as const;
  const attrs = wordOf("target_session_attrs", options.target_session_attrs, words, "windlassd writes");
  if (attrs === "any" && hosts > 1)
    throw new BadOption("target_session_attrs=any: with several hosts windlassd needs read-write, since it writes");
  return attrs === undefined ? hosts > 1 : attrs !== "any";
}

/** Options that change nothing here are read, so that URLs of others fit; only what they are by default. */
function refuseOthers(options: Options): void {
  wordOf("channel_binding", options.channel_binding, ["disable", "prefer"], "it cannot be insisted on");
  wordOf("gssencmode", options.gssencmode, ["disable", "prefer"], "Kerberos is not spoken");
  wordOf("load_balance_hosts", options.load_balance_hosts, ["disable"], "the hosts are tried in their order");
  wordOf("client_encoding", options.client_encoding?.toLowerCase().replace(/^utf-8$/, "utf8"), ["utf8", "auto"]);
}

function keepAliveOf({ keepalives, keepalives_idle }: Options): number {
  if (wordOf("keepalives", keepalives, ["0", "1"]) === "0") return 0;
  return secondsOf("keepalives_idle", keepalives_idle) ?? defaultKeepAliveMs;
}

/** 0 is what holds without it, as for libpq. */
function secondsOf(name: OptionName, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text)) throw new BadOption(`${name}: expected whole seconds, got ${JSON.stringify(text)}`);
  return Number(text) === 0 ? undefined : Number(text) * 1_000;
}

function wordOf<W extends string>(
  name: OptionName,
  text: string | undefined,
  words: readonly W[],
  because?: string,
): W | undefined {
  if (text === undefined) return undefined;
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  const why = because === undefined ? "" : ` (${because})`;
  throw new BadOption(`${name}: expected ${words.join(", ")}, got ${JSON.stringify(text)}${why}`);
}
