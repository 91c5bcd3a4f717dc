import { open } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";

const tailBytes = 64 * 1024;

/** Headlines of terraform and tofu for providers that they did not get. */
const headlines =
  /Failed to (query available provider packages|resolve provider packages|install provider)|Invalid provider registry host|Provider registry/i;

/**
 * What is wrong, and what helps; the first that fits counts. Source: terraform 1.11 and tofu 1.12,
 * internal/getproviders.
 */
const reasons: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [
    /x509:|certificate|tls: /i,
    "the authority of that host is not trusted: pass SSL_CERT_FILE with --pass-env, or give it in the setting providers",
  ],
  [
    /\b40[13]\b|unauthorized|forbidden|authentication|credentials/i,
    "that host wants a token: TF_TOKEN_… as a sensitive variable, credentials in --cli-config, or the setting providers",
  ],
  [
    /does not have a provider named|no available releases match|is not available|could not find|not found/i,
    "name a place that has it with --cli-config or the setting providers, or correct the provider's source and version",
  ],
  [
    /could not connect|failed to request|request failed|no such host|connection refused|timeout|deadline|\bEOF\b|unreachable|dial tcp|proxyconnect/i,
    "name a mirror with --cli-config or the setting providers, or a proxy with --pass-env HTTPS_PROXY",
  ],
];

/** A sentence for a person after an init that did not get its providers; undefined for every other failure. */
export async function hintAfterInit(outputPath: string, sentence: string): Promise<string | undefined> {
  const advice = adviceFor(await tailOf(outputPath));
  return advice === undefined ? undefined : `${sentence}: ${advice} (docs/providers.md)`;
}

/** What helps against what a failed init has printed; its lines are broken at any word. */
export function adviceFor(output: string): string | undefined {
  const text = stripVTControlCharacters(output).replaceAll(/[│╷╵\s]+/g, " ");
  const at = text.search(headlines);
  if (at < 0) return undefined;
  return reasons.find(([pattern]) => pattern.test(text.slice(at)))?.[1];
}

async function tailOf(path: string): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  await using opened = file;
  const { size } = await opened.stat();
  const length = Math.min(size, tailBytes);
  const { buffer, bytesRead } = await opened.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.toString("utf8", 0, bytesRead);
}
