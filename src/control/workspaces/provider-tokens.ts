import * as z from "zod";
import type { ProviderSettings } from "../../domain/workspaces/provider-settings.ts";
import type { Control } from "../core/control.ts";

/** The tokens of hosts, by host. */
export type ProviderTokens = ReadonlyMap<string, string>;

const shape = z.record(z.string(), z.string());

/** What the sealed tokens of settings are bound to. */
export const providerTokensSubject = ({ id }: { readonly id: string }): string => `provider-tokens/${id}`;

/** Seals the tokens of settings; null if there are none. */
export const sealTokens = (
  { vault }: Pick<Control, "vault">,
  settings: Pick<ProviderSettings, "id">,
  tokens: ProviderTokens,
): Uint8Array | null =>
  tokens.size === 0
    ? null
    : vault.seal(Buffer.from(JSON.stringify(Object.fromEntries(tokens))), providerTokensSubject(settings));

/** The tokens of settings in clear. */
export function openTokens(
  { vault }: Pick<Control, "vault">,
  settings: Pick<ProviderSettings, "id" | "sealedValue"> | undefined,
): ProviderTokens {
  if (settings === undefined || settings.sealedValue === null) return new Map();
  const text = Buffer.from(vault.open(settings.sealedValue, providerTokensSubject(settings))).toString("utf8");
  return new Map(Object.entries(shape.parse(JSON.parse(text))));
}
