import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { version } from "../../lib/program/version.ts";
import { variable } from "../line/environment.ts";
import { type OutputFormat, outputFormats } from "../line/formats.ts";
import type { GlobalValues } from "../line/global-flags.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Io } from "../terminal/io.ts";
import { Notes } from "../terminal/notes.ts";
import { Printer } from "../terminal/printer.ts";
import { isInteractive } from "../terminal/terminal.ts";
import type { Deniable } from "./config-file.ts";
import { type Connection, resolveConnection } from "./connection.ts";
import type { OwnedTransport } from "./transport.ts";

/** What a command works with. Dispose it to close the connection to the server. */
export class Context implements Disposable {
  readonly io: Io;
  readonly globals: GlobalValues;
  /** The global flags as written, for hints: `["--org", "acme"]`. */
  readonly repeatable: readonly string[];
  readonly printer: Printer;
  readonly notes: Notes;
  #connection: Promise<Connection> | undefined;
  #transport: Promise<OwnedTransport> | undefined;
  #opened: OwnedTransport | undefined;

  constructor(io: Io, globals: GlobalValues, repeatable: readonly string[]) {
    this.io = io;
    this.globals = globals;
    this.repeatable = repeatable;
    this.printer = new Printer(io, formatOf(io, globals), globals);
    this.notes = new Notes(io, globals);
  }

  /** Whether a person is there to answer questions. */
  get isInteractive(): boolean {
    return isInteractive(this.io, this.globals);
  }

  /** A command of this program that acts on the same server and organization, for hints. */
  command(text: string): string {
    return ["windlass", text, ...this.repeatable].join(" ");
  }

  /** Where the server is and who we are; read once. */
  connection(): Promise<Connection> {
    this.#connection ??= this.#resolve();
    return this.#connection;
  }

  /** The organization as requests name it; empty is the caller's only one. */
  async organization(): Promise<string> {
    return (await this.connection()).organization.value;
  }

  /** A client of this service, with the caller's token. Refuses if there is none. */
  async client<Service extends DescService>(service: Service): Promise<Client<Service>> {
    const connection = await this.connection();
    if (connection.token.value === undefined) throw notLoggedIn(connection);
    return this.publicClient(service);
  }

  /** A client of this service that works without a token too. */
  async publicClient<Service extends DescService>(service: Service): Promise<Client<Service>> {
    const [{ createClient }, { transport }] = await Promise.all([import("@connectrpc/connect"), this.#open()]);
    return createClient(service, transport);
  }

  /** The same context with another credential, or none. To be disposed by itself. */
  async withToken(token: string | undefined): Promise<Context> {
    const other = new Context(this.io, this.globals, this.repeatable);
    const connection = await this.connection();
    other.#connection = Promise.resolve({ ...connection, token: { value: token, origin: "this command" } });
    return other;
  }

  /** The same context with one of its addresses alone. To be disposed by itself. */
  async withAddress(address: string): Promise<Context> {
    const other = new Context(this.io, this.globals, this.repeatable);
    const { address: all, ...connection } = await this.connection();
    const alone = { ...all, value: address };
    other.#connection = Promise.resolve({ ...connection, address: alone, addresses: [address] });
    return other;
  }

  /** Ends the connection to the server, so that streams on a dead path fail and the next call dials again. */
  hangUp(): void {
    this.#opened?.hangUp();
  }

  /** The same where the server is not heard any more: the next call goes to another address, if there is one. */
  hangUpSilent(): void {
    this.#opened?.leave();
    this.#opened?.hangUp();
  }

  /** Refuses what this context or the environment forbids. */
  async guard(deniable: Deniable | undefined): Promise<void> {
    if (deniable === undefined) return;
    const { denied, context } = await this.connection();
    if (!denied.includes(deniable)) return;
    const by = context?.deny?.includes(deniable) ? `context "${context.name}"` : "WINDLASS_NO_DELETE";
    throw new CliError("notAllowed", `${by} refuses every command of the kind "${deniable}"`, {
      hints: [{ label: "Show it", command: this.command("context show --origin") }],
    });
  }

  [Symbol.dispose](): void {
    this.#opened?.[Symbol.dispose]();
  }

  async #resolve(): Promise<Connection> {
    const connection = await resolveConnection(this.globals, this.io.environment);
    for (const warning of connection.warnings) this.notes.warn(warning);
    const { address, contextName, token, organization } = connection;
    this.notes.verbose(`server ${address.value} (${address.origin})`);
    this.notes.verbose(`context ${contextName.value ?? "none"} (${contextName.origin})`);
    this.notes.verbose(`organization ${organization.value || "your only one"} (${organization.origin})`);
    this.notes.verbose(`token ${token.value === undefined ? "none" : `from ${token.origin}`}`);
    return connection;
  }

  async #open(): Promise<OwnedTransport> {
    this.#transport ??= this.#dial();
    return this.#transport;
  }

  async #dial(): Promise<OwnedTransport> {
    const connection = await this.connection();
    await this.#warnOfPlaintext(connection);
    const { openTransport } = await import("./transport.ts");
    const { clock, random, signal } = this.io;
    const sender = { clock, random, version };
    this.#opened = await openTransport({ connection, sender, debug: this.notes.debug, signal });
    return this.#opened;
  }

  async #warnOfPlaintext({ addresses, token }: Connection): Promise<void> {
    const plain = token.value === undefined ? [] : addresses.filter((address) => address.startsWith("http:"));
    if (plain.length === 0) return;
    const { isLoopbackAddress } = await import("./address.ts");
    const seen = plain.filter((address) => !isLoopbackAddress(address));
    if (seen.length > 0) this.notes.warn(`the token travels unencrypted to ${seen.join(", ")}`);
  }
}

/** The form of output: flag, else environment, else a table. */
export function formatOf(
  { environment }: Pick<Io, "environment">,
  { output }: Pick<GlobalValues, "output">,
): OutputFormat {
  if (output !== undefined) return output;
  const given = variable(environment, "WINDLASS_OUTPUT");
  if (given === undefined) return "table";
  const found = outputFormats.find((format) => format === given);
  if (found === undefined) throw usageError(`WINDLASS_OUTPUT is one of ${outputFormats.join(", ")}, not "${given}"`);
  return found;
}

function notLoggedIn({ address }: Connection): CliError {
  return new CliError("notAllowed", `not logged in to ${address.value}: no token was found`, {
    code: "UNAUTHENTICATED",
    reason: "TOKEN_INVALID",
    hints: [
      { label: "Log in", command: `windlass login ${address.value}` },
      { label: "First time, on the server", command: `${login(address.value)} < DATA_DIR/admin-token` },
      { label: "In CI", command: "export WINDLASS_TOKEN_FILE=FILE" },
    ],
  });
}

const login = (address: string): string => `windlass login ${address} --token-stdin`;
