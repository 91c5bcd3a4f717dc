import type { ProviderSettings } from "../../gen/windlass/v1/provider_settings_pb.ts";
import { certificatesIn } from "../../lib/net/pem.ts";
import { timeText } from "../terminal/ages.ts";
import { detailLines } from "../terminal/table.ts";
import { sourceText } from "./provider-sources.ts";

/** `providers/pool/prod`, `providers/org/acme`. */
export const settingsName = ({ organization, agentPool }: ProviderSettings): string =>
  agentPool === "" ? `providers/org/${organization}` : `providers/pool/${agentPool}`;

/** `agent pool prod`, `organization acme`. */
export const settingsTitle = ({ organization, agentPool }: ProviderSettings): string =>
  agentPool === "" ? `organization ${organization}` : `agent pool ${agentPool}`;

/** The settings for people; every list has a line for each of its items. */
export const settingsLines = (settings: ProviderSettings): readonly string[] =>
  detailLines([
    ["Organization", settings.organization],
    ["Pool", settings.agentPool],
    ...numbered("Source", settings.sources.map(sourceText)),
    ...(settings.sources.length === 0 ? ([["Sources", "none: as each agent has it"]] as const) : []),
    ...settings.hosts.map(({ host, tokenSet }) => ["Registry", `${host}${tokenSet ? " (with a token)" : ""}`] as const),
    ...certificatesIn(settings.caCertificates).map(
      ({ subject, validTo }) => ["Certificate", `${subject}, until ${validTo.toISOString().slice(0, 10)}`] as const,
    ),
    ["Changed", timeText(settings.updateTime)],
  ]);

const numbered = (name: string, texts: readonly string[]) =>
  texts.map((text, index) => [texts.length === 1 ? name : `${name} ${index + 1}`, text] as const);
