import type { ProviderSource, SourcePlace } from "../../domain/workspaces/provider-settings.ts";
import { type Certificate, certificateProblem, certificatesIn, holdsPrivateKey } from "../../lib/net/pem.ts";
import {
  type Checked,
  checkHost,
  checkMirrorPath,
  checkMirrorUrl,
  checkPattern,
} from "../../lib/words/provider-names.ts";
import { invalid } from "../core/refusals.ts";

/** A host as a request names it; an empty token keeps the one that is there. */
export interface WantedHost {
  readonly host: string;
  readonly token: string;
}

/** The value as it is stored, or the refusal of the field. */
function demandGood(field: string, checked: Checked): string {
  if (checked.kind === "bad") throw invalid(field, checked.why);
  return checked.value;
}

/** The sources as they are stored. Refuses what terraform would refuse in the middle of a run. */
export const checkedSources = (sources: readonly ProviderSource[]): readonly ProviderSource[] =>
  sources.map((source, index) => {
    const field = `changes.sources[${index}]`;
    const patterns = (name: "include" | "exclude") => ({
      [name]: source[name].map((one, at) => demandGood(`${field}.${name}[${at}]`, checkPattern(one))),
    });
    return { ...source, ...checkedPlace(field, source), ...patterns("include"), ...patterns("exclude") };
  });

function checkedPlace(field: string, place: SourcePlace): SourcePlace {
  switch (place.kind) {
    case "filesystem":
      return {
        kind: place.kind,
        path: demandGood(`${field}.filesystem_mirror.path`, checkMirrorPath(place.path)),
      };
    case "network":
      return { kind: place.kind, url: demandGood(`${field}.network_mirror.url`, checkMirrorUrl(place.url)) };
    case "direct":
      return place;
  }
}

/** A host as it is stored, and where the request names it. */
export interface CheckedHost extends WantedHost {
  readonly field: string;
}

/**
 * The hosts as they are stored, by name. Refuses one that is given twice, however it is written, and tokens that cannot
 * be sent.
 */
export function checkedHosts(hosts: readonly WantedHost[]): readonly CheckedHost[] {
  const seen = new Map<string, CheckedHost>();
  for (const [index, { host: given, token }] of hosts.entries()) {
    const field = `changes.hosts[${index}]`;
    const host = demandGood(`${field}.host`, checkHost(given));
    const twin = seen.get(host);
    if (twin !== undefined)
      throw invalid(`${field}.host`, `${JSON.stringify(given)} is given twice: ${twin.field} is the same host`);
    if (!/^[\x21-\x7e]*$/.test(token))
      throw invalid(
        `${field}.token`,
        `the token of ${host} holds spaces, line breaks or characters that no header takes`,
      );
    seen.set(host, { host, token, field });
  }
  return [...seen.values()].toSorted((a, b) => (a.host < b.host ? -1 : 1));
}

/** The certificates as they are stored: each once, in one form, nothing between them. */
export function checkedCertificates(text: string): string {
  const field = "changes.ca_certificates";
  if (text.trim() === "") return "";
  if (holdsPrivateKey(text))
    throw invalid(field, "that holds a private key, which must not leave its owner: give the certificates only");
  const problem = certificateProblem(text);
  if (problem !== undefined)
    throw invalid(field, `the text ${problem}: expected -----BEGIN CERTIFICATE----- and so on`);
  return [...new Set(certificatesIn(text).map(({ pem }) => pem))].join("");
}

const soonMs = 30 * 86_400_000;

/** What will not work, or not much longer, with certificates that were accepted. */
export const certificateWarnings = (caCertificates: string, now: Date): readonly string[] =>
  certificatesIn(caCertificates).flatMap((one) => {
    const why = whyDoubtful(one, now);
    return why === undefined ? [] : [`the certificate ${one.subject || "without a subject"} ${why}`];
  });

function whyDoubtful({ validFrom, validTo }: Certificate, now: Date): string | undefined {
  if (validTo < now) return `expired on ${dayOf(validTo)}: programs refuse it`;
  if (validFrom > now) return `is valid only from ${dayOf(validFrom)} on: programs refuse it until then`;
  return validTo.getTime() < now.getTime() + soonMs ? `expires on ${dayOf(validTo)}` : undefined;
}

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);
