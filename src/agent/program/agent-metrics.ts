import { statfs } from "node:fs/promises";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { StatusSources } from "../../lib/program/status-port.ts";
import type { RunningAgent } from "../agent.ts";
import type { AgentConfig } from "../contract/config.ts";

/** What an agent's status port tells. Names and labels are an interface: they only grow. */
export function agentStatus(agent: RunningAgent, { concurrency, dataDir, version }: AgentConfig): StatusSources {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
  gauge("windlass_build_info", "1, with the version", ["version"]).set({ version }, 1);
  gauge("windlass_agent_concurrency", "How many jobs it runs at once").set(concurrency);
  const connected = gauge("windlass_agent_connected", "1 while the control plane has accepted its stream");
  const draining = gauge("windlass_agent_draining", "1 while it takes no new jobs in order to leave");
  const streams = gauge("windlass_agent_streams", "Streams accepted since the start: more than 1 are reconnects");
  const jobs = gauge("windlass_agent_jobs", "Jobs that it holds, by phase and how far they are", ["phase", "stage"]);
  const free = gauge("windlass_agent_free_disk_bytes", "Free space in its data directory");
  const kept = gauge("windlass_agent_kept_directories", "Directories of jobs that could not be delivered");
  const keptBytes = gauge("windlass_agent_kept_bytes", "Room that these directories take");
  return {
    metrics: async () => {
      const { isConnected, isDraining, streams: accepted, jobs: held, kept: directories } = agent.view;
      connected.set(Number(isConnected));
      draining.set(Number(isDraining));
      streams.set(accepted);
      kept.set(directories.count);
      keptBytes.set(directories.bytes);
      jobs.reset();
      for (const { phase, stage } of held) jobs.inc({ phase, stage });
      const { bavail, bsize } = await statfs(dataDir);
      free.set(bavail * bsize);
      return registry.metrics();
    },
    notReady: () => {
      const { isConnected, isDraining } = agent.view;
      return isDraining ? "draining" : isConnected ? undefined : "not connected";
    },
  };
}
