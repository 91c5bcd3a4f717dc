import type { Environment } from "../../lib/environment.ts";
import { addressesIn } from "../../lib/way/addresses.ts";
import { clientDefaults } from "../../settings/client.ts";
import { isOn, variable } from "../line/environment.ts";
import { durationMs } from "../line/flags.ts";
import type { GlobalValues } from "../line/global-flags.ts";
import { CliError } from "../problems/problem.ts";
import { didYouMean } from "../problems/suggest.ts";
import { normalAddresses } from "./address.ts";
import { type ConfigFile, type Deniable, defaultConfigPath, readConfig, type SavedContext } from "./config-file.ts";
import { findToken } from "./token-source.ts";

/** A value and where it came from: `--address`, `WINDLASS_ADDRESS`, `context NAME` or `default`. */
export interface Sourced<T> {
  readonly value: T;
  readonly origin: string;
}

type Maybe = Sourced<string | undefined>;

/** How to reach the server, and as whom. */
export interface Connection {
  readonly configPath: Sourced<string>;
  readonly config: ConfigFile;
  readonly context: SavedContext | undefined;
  readonly contextName: Maybe;
  /** As one text; commas stand between several. */
  readonly address: Sourced<string>;
  /** At least one. */
  readonly addresses: readonly string[];
  /** Empty: the caller's only organization. */
  readonly organization: Sourced<string>;
  /** Undefined: nobody is logged in. */
  readonly token: Maybe;
  readonly tls: {
    readonly caFile: Maybe;
    readonly certFile: Maybe;
    readonly keyFile: Maybe;
    readonly serverName: Maybe;
    readonly insecure: Sourced<boolean>;
  };
  readonly timeoutMs: Sourced<number>;
  /** What the program was started with; the proxy and the system's authorities are named there. */
  readonly environment: Environment;
  readonly denied: readonly Deniable[];
  readonly warnings: readonly string[];
}

/** Flag, else environment, else context, else default, for everything. */
export async function resolveConnection(globals: GlobalValues, environment: Environment): Promise<Connection> {
  const askedPath = pick([
    ["--config", globals.config],
    ["WINDLASS_CONFIG", variable(environment, "WINDLASS_CONFIG")],
  ]);
  const configPath = { ...askedPath, value: askedPath.value ?? defaultConfigPath(environment) };
  const { config, warnings } = await readConfig(configPath.value);
  const asked = addressAsked(globals, environment);
  const { context, contextName } = chooseContext({ globals, environment, config, asked });
  const from = layers(globals, environment, context);
  const address = asked ?? {
    value: normalAddresses(context?.address ?? clientDefaults.address),
    origin: context === undefined ? "default" : `context ${context.name}`,
  };
  const addresses = addressesIn(address.value);
  const mayUseContext = context !== undefined && (isOf(context, addresses) || contextName.origin === "--context");
  const own = mayUseContext ? context : undefined;
  const token = await findToken({ flag: globals.tokenFile, environment, context: own, addresses });
  const organization = layers(globals, environment, own)("org", "WINDLASS_ORG", own?.organization);
  return {
    configPath,
    config,
    context,
    contextName,
    address,
    addresses,
    organization: { ...organization, value: organization.value ?? "" },
    token: token ?? { value: undefined, origin: "default" },
    tls: {
      caFile: from("caFile", "WINDLASS_CA_FILE", context?.caFile),
      certFile: from("certFile", "WINDLASS_CERT_FILE", context?.certFile),
      keyFile: from("keyFile", "WINDLASS_KEY_FILE", context?.keyFile),
      serverName: from("serverName", "WINDLASS_SERVER_NAME", context?.serverName),
      insecure: insecure(globals, environment, context),
    },
    timeoutMs: await timeout(globals, environment),
    environment,
    denied: denied(environment, context),
    warnings,
  };
}

type TextFlag = "address" | "org" | "context" | "caFile" | "certFile" | "keyFile" | "serverName";

const flagNames: Readonly<Record<TextFlag, string>> = {
  address: "--address",
  org: "--org",
  context: "--context",
  caFile: "--ca-file",
  certFile: "--cert-file",
  keyFile: "--key-file",
  serverName: "--server-name",
};

const layers =
  (globals: GlobalValues, environment: Environment, context: SavedContext | undefined) =>
  (flag: TextFlag, name: string, saved?: string): Maybe =>
    pick([
      [flagNames[flag], globals[flag]],
      [name, variable(environment, name)],
      [`context ${context?.name}`, saved],
    ]);

const pick = (candidates: readonly (readonly [string, string | undefined])[]): Maybe => {
  const found = candidates.find(([, value]) => value !== undefined && value !== "");
  return found === undefined ? { value: undefined, origin: "default" } : { value: found[1], origin: found[0] };
};

function addressAsked(globals: GlobalValues, environment: Environment): Sourced<string> | undefined {
  const { value, origin } = layers(globals, environment, undefined)("address", "WINDLASS_ADDRESS");
  return value === undefined ? undefined : { value: normalAddresses(value), origin };
}

interface Choice {
  readonly globals: GlobalValues;
  readonly environment: Environment;
  readonly config: ConfigFile;
  readonly asked: Sourced<string> | undefined;
}

/** The context asked for; else one saved for the address asked for; else the current one. */
function chooseContext({ globals, environment, config, asked }: Choice) {
  const named = layers(globals, environment, undefined)("context", "WINDLASS_CONTEXT");
  if (named.value !== undefined) return { context: contextOf(config, named.value), contextName: named };
  const byAddress = config.contexts.filter((one) => asked !== undefined && isOf(one, addressesIn(asked.value)));
  const current = config.contexts.find(({ name }) => name === config.current);
  const context = asked === undefined ? current : (byAddress.find((one) => one === current) ?? byAddress[0]);
  const origin = asked === undefined ? "config file" : "its address";
  return { context, contextName: { value: context?.name, origin: context === undefined ? "default" : origin } };
}

/** The saved context of this name; refuses an unknown one with the nearest. */
export function contextOf({ contexts }: ConfigFile, name: string): SavedContext {
  const found = contexts.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = contexts.map((one) => one.name);
  const known = names.length === 0 ? " None is saved yet." : didYouMean(name, names);
  throw new CliError("notFound", `there is no context "${name}".${known}`, {
    metadata: { resource: "context", name },
    hints: [
      { label: "See them", command: "windlass context list" },
      { label: "Add one", command: "windlass login ADDRESS" },
    ],
  });
}

/** Whether all of these are addresses of the saved server: its token goes nowhere else. */
function isOf(context: SavedContext, addresses: readonly string[]): boolean {
  const own = new Set(addressesIn(normalAddresses(context.address)));
  return addresses.every((address) => own.has(address));
}

function insecure(globals: GlobalValues, environment: Environment, context: SavedContext | undefined) {
  if (globals.insecure !== undefined) return { value: globals.insecure, origin: "--insecure" };
  const given = variable(environment, "WINDLASS_INSECURE");
  if (given !== undefined) return { value: isOn(given), origin: "WINDLASS_INSECURE" };
  if (context?.insecure !== undefined) return { value: context.insecure, origin: `context ${context.name}` };
  return { value: false, origin: "default" };
}

async function timeout(globals: GlobalValues, environment: Environment): Promise<Sourced<number>> {
  const { value, origin } = pick([
    ["--timeout", globals.timeout],
    ["WINDLASS_TIMEOUT", variable(environment, "WINDLASS_TIMEOUT")],
  ]);
  if (value === undefined) return { value: clientDefaults.timeoutMs, origin };
  return { value: await durationMs(value, origin), origin };
}

const denied = (environment: Environment, context: SavedContext | undefined): readonly Deniable[] => [
  ...(context?.deny ?? []),
  ...(isOn(variable(environment, "WINDLASS_NO_DELETE")) ? (["delete"] as const) : []),
];
