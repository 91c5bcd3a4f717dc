import { gte, parse } from "semver";
import type { PlannedImports } from "../plan/imports.ts";
import type { ApplyWords } from "./apply-words.ts";
import { DeposedWords } from "./deposed-objects.ts";
import type { EventHook, TerraformEvent } from "./events.ts";

/** Hooks that terraform does not tell in human format. */
const silent = new Set([
  ...["version", "planned_change", "planned_action_invocation", "resource_drift", "refresh_complete"],
  ...["apply_errored", "ephemeral_op_errored", "provision_complete", "provision_errored"],
]);

/** From here on terraform prints the time that has passed as `01m10s`. Source: its hook_ui.go. */
const firstFixedWidth = "1.12.0-alpha";
/** Longer ids are cut in the middle while a resource is still worked on. */
const maxIdCharacters = 80;

interface Started {
  /** The address, and which deposed object it is. */
  readonly name: string;
  readonly id: string;
  readonly atMs: number;
}

/**
 * The lines that terraform prints in human format for what its JSON events tell in other words, or not at all: data
 * sources are read and not refreshed, ids stand beside the time that has passed, an import has no event, and a deposed
 * object no key. What only the human format knows stays out: empty lines of a provisioner.
 */
export class HookWords {
  readonly #imports: Map<string, PlannedImports[number]>;
  readonly #deposed: DeposedWords;
  readonly #started = new Map<string, Started>();
  #isFixedWidth = false;

  constructor({ imports, before, newlyDeposed }: ApplyWords) {
    this.#imports = new Map(imports.map((planned) => [planned.address, planned]));
    this.#deposed = new DeposedWords(before, newlyDeposed);
  }

  /** The text of an event; undefined when it is its own message. Throws `TypeError` for one that is malformed. */
  text(event: TerraformEvent): string | undefined {
    if (event.type === "version") this.#isFixedWidth = isFixedWidth(event);
    if (silent.has(event.type)) return "";
    if (event.type === "change_summary") return event.changes?.operation === "plan" ? undefined : this.#summary(event);
    const { hook } = event;
    if (hook === undefined) return undefined;
    if (event.type.startsWith("action_")) return actionText(event.type, hook);
    return this.#hookText(event, hook, addressOf(hook));
  }

  #hookText(event: TerraformEvent, hook: EventHook, address: string): string | undefined {
    const message = event["@message"];
    switch (event.type) {
      case "apply_start":
        return this.#start(event, address);
      case "apply_complete":
        return `${hook.action === "read" ? message.replace(": Refresh complete after ", ": Read complete after ") : message}\n`;
      case "apply_progress":
      case "ephemeral_op_progress":
        return this.#progress(event, address);
      case "provision_progress":
        return hook.output === undefined ? undefined : `${address} (${hook.provisioner}): ${hook.output}\n`;
      case "ephemeral_op_start":
      case "ephemeral_action_started":
        this.#started.set(address, { name: address, id: "", atMs: timeOf(event) });
        return undefined;
      case "ephemeral_action_complete":
        return `${message} after ${this.#elapsed(event, address)}\n`;
      default:
        return undefined;
    }
  }

  #start(event: TerraformEvent, address: string): string {
    const { action, id_key: key = "", id_value: value = "" } = event.hook ?? {};
    const id = key === "" || value === "" ? "" : `${key}=${value}`;
    if (action === "create") this.#deposed.creates(address);
    const suffix = action === "delete" ? this.#deposed.suffixOf({ address, idKey: key, id: value }) : "";
    const name = `${address}${suffix}`;
    this.#started.set(address, { name, id: id === "" ? "" : `${key}=${shortened(value)}, `, atMs: timeOf(event) });
    const message = event["@message"];
    const told = message.startsWith(`${address}: `) ? `${name}${message.slice(address.length)}` : message;
    const text = action === "read" ? `${address}: Reading...${id === "" ? "" : ` [${id}]`}` : told;
    return `${this.#importOf(address)}${text}\n`;
  }

  /** Told once, when it is known that terraform has come to it. */
  #importOf(address: string): string {
    const planned = this.#imports.get(address);
    this.#imports.delete(address);
    if (planned === undefined) return "";
    const id = planned.id === "" ? "" : ` [id=${planned.id}]`;
    return `${address}: Importing...${id}\n${address}: Import complete${id}\n`;
  }

  #progress(event: TerraformEvent, address: string): string | undefined {
    const found = /: Still (\w+)\.\.\. \[(.+) elapsed\]$/.exec(event["@message"]);
    if (found === null) return undefined;
    const [, verb, elapsed] = found;
    const seconds = event.hook?.elapsed_seconds;
    const time = this.#isFixedWidth && typeof seconds === "number" ? fixedWidth(seconds) : elapsed;
    const { name = address, id = "" } = this.#started.get(address) ?? {};
    return `${name}: Still ${verb === "refreshing" ? "reading" : verb}... [${id}${time} elapsed]\n`;
  }

  /** OpenTofu leaves the time out of these events: as its human format, both ends are rounded to seconds. */
  #elapsed(event: TerraformEvent, address: string): string {
    const from = this.#started.get(address)?.atMs ?? timeOf(event);
    return goDuration(Math.max(0, Math.round(timeOf(event) / 1000) - Math.round(from / 1000)));
  }

  /** Imports that change nothing have no event: that they were done is known once all was. */
  #summary(event: TerraformEvent): string {
    const imports = [...this.#imports.keys()].map((address) => this.#importOf(address));
    return `${imports.join("")}\n${event["@message"]}\n`;
  }
}

function addressOf({ resource }: EventHook): string {
  const address = resource?.addr;
  if (typeof address !== "string") throw new TypeError("no address");
  return address;
}

function isFixedWidth({ terraform }: TerraformEvent): boolean {
  const version = typeof terraform === "string" ? parse(terraform) : null;
  return version !== null && gte(version, firstFixedWidth);
}

const timeOf = (event: TerraformEvent): number => Date.parse(event["@timestamp"] ?? "") || 0;

/** An action of a provider (terraform 1.14 and newer), with what it was invoked by. */
function actionText(type: string, hook: EventHook): string | undefined {
  const { action, lifecycle, message = "", error = "" } = hook;
  const address = typeof action === "object" ? action.addr : undefined;
  if (typeof address !== "string") throw new TypeError("no address of an action");
  const name = `${address} (triggered by ${lifecycle?.resource.addr ?? "CLI"})`;
  switch (type) {
    case "action_start":
      return `Action started: ${name}\n`;
    case "action_progress":
      return `Action ${name}: ${message}\n`;
    case "action_complete":
      return `Action complete: ${name}\n`;
    case "action_errored":
      return `Action failed: ${name} - ${error}\n`;
    default:
      return undefined;
  }
}

const two = (count: number): string => String(count).padStart(2, "0");
const fixedWidth = (seconds: number): string => `${two(Math.floor(seconds / 60))}m${two(Math.floor(seconds) % 60)}s`;

/** As Go prints whole seconds: `10s`, `1m10s`, `1h0m10s`. */
function goDuration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const long = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : "";
  return `${long}${seconds % 60}s`;
}

function shortened(id: string): string {
  const characters = [...id];
  if (characters.length <= maxIdCharacters) return id;
  return `${characters.slice(0, 39).join("")}...${characters.slice(-38).join("")}`;
}
