import type { CliConfig } from "../../../terraform/configuration/cli-config/cli-config.ts";
import type { CliItem } from "../../../terraform/configuration/cli-config/cli-syntax.ts";
import { textIn } from "../../../terraform/configuration/cli-config/findings.ts";
import { mirrorBlock, type ProviderMirror } from "../../../terraform/configuration/provider-sources.ts";

export interface SaidSources {
  readonly owner: CliConfig | undefined;
  /** The file of the agent's owner. */
  readonly file: string | undefined;
  /** What the control plane says. */
  readonly mirrors: readonly ProviderMirror[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Where providers come from, for a person who looks for the reason why they do not. */
export function sourcesSentence({ owner, file, mirrors, environment }: SaidSources): string {
  return `This agent takes providers from ${placesOf(owner, file, mirrors)}, ${proxyOf(environment)}`;
}

function placesOf(owner: CliConfig | undefined, file: string | undefined, mirrors: readonly ProviderMirror[]): string {
  if (owner?.methods !== undefined) return `${owner.methods.map(methodName).join(", ")} (--cli-config ${file})`;
  if (mirrors.length > 0)
    return `${mirrors.map(mirrorBlock).map(methodName).join(", ")} (the setting providers of the control plane)`;
  const config = file === undefined ? "no --cli-config" : `--cli-config ${file} names no mirror`;
  return `their registries (${config}, no setting providers)`;
}

function methodName(method: CliItem): string {
  const place = textIn(method, "path") ?? textIn(method, "url") ?? textIn(method, "repository_template");
  if (method.name === "direct") return "their registries";
  const name = method.name.replaceAll("_", " ");
  return place === undefined ? name : `the ${name} ${withoutPassword(place)}`;
}

/** Addresses may have a user and a password. */
export const withoutPassword = (address: string): string => address.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1");

const proxyNames = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

function proxyOf(environment: Readonly<Record<string, string>>): string {
  const name = proxyNames.find((one) => (environment[one] ?? "") !== "");
  return name === undefined ? "through no proxy" : `through the proxy ${withoutPassword(environment[name] ?? "")}`;
}
