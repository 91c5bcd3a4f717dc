import { rm } from "node:fs/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { AgentGatewayService } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import type { TransferPace } from "../../lib/transfer/transfer-pace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { ReleaseHttp } from "../../terraform/engines/releases/release-http.ts";
import { download } from "../transfers/download.ts";
import type { SignedManifest, UpdateArtifact } from "./manifest.ts";

/** Where manifests and versions come from. What it gives is believed for signatures and hashes alone. */
export interface UpdateSource {
  readonly manifest: (signal: AbortSignal) => Promise<SignedManifest>;
  /** Puts an artifact into a file, going on after what it has. */
  readonly fetch: (artifact: UpdateArtifact, file: string, signal: AbortSignal) => Promise<void>;
}

const manifestTimeoutMs = 30_000;

interface ServerSource {
  readonly transport: Transport;
  readonly sessionToken: () => string;
  readonly pace: TransferPace;
  readonly clock: Clock;
}

/** The control plane, over the connection of all other transfers: its proxies and authorities. */
export function serverSource({ transport, sessionToken, pace, clock }: ServerSource): UpdateSource {
  const client = createClient(AgentGatewayService, transport);
  const headers = () => ({ authorization: `Bearer ${sessionToken()}` });
  return {
    manifest: (signal) => client.getAgentManifest({}, { headers: headers(), signal, timeoutMs: manifestTimeoutMs }),
    fetch: ({ file: name, size: sizeBytes }, file, signal) => {
      const ask = (range: { readonly offset: bigint; readonly maxBytes: bigint }, over: AbortSignal) =>
        client.downloadAgentRelease({ file: name, ...range }, { headers: headers(), signal: over });
      return download({ ask, file, sizeBytes, pace, clock, onBegin: () => {}, onBytes: () => {} }, signal);
    },
  };
}

const maxManifestBytes = 4 * 1024 * 1024;
const fetchTimeoutMs = 30 * 60_000;

/** A directory of releases on an HTTP(S) server. Files come whole. */
export function mirrorSource(url: URL, authorities: readonly string[] | undefined, clock: Clock): UpdateSource {
  const base = url.href.endsWith("/") ? url.href : `${url.href}/`;
  const at = (name: string): URL => new URL(name, base);
  const missing = (name: string) => new WindlassError("storage_unavailable", `${at(name).pathname} is not there`);
  return {
    manifest: async (signal) => {
      await using http = new ReleaseHttp(clock, authorities);
      const limits = { maxBytes: maxManifestBytes, deadlineMs: manifestTimeoutMs };
      const read = async (name: string) => {
        const bytes = await http.read(at(name), limits, signal);
        if (bytes === undefined) throw missing(name);
        return bytes;
      };
      return { manifest: await read("manifest.json"), signatures: await read("manifest.json.sig") };
    },
    fetch: async ({ file: name, size: maxBytes }, file, signal) => {
      await using http = new ReleaseHttp(clock, authorities);
      await rm(file, { force: true });
      const saved = await http.save({ url: at(name), into: file, maxBytes, deadlineMs: fetchTimeoutMs }, signal);
      if (saved === undefined) throw missing(name);
    },
  };
}
