import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import type { Liveness } from "../../control/sessions/liveness.ts";
import { registerAgent } from "../../control/sessions/registration.ts";
import { serveSession } from "../../control/sessions/stream.ts";
import { agentManifest, agentRelease } from "../../control/updates/served.ts";
import type { AgentGatewayService } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { given } from "../../lib/values/records.ts";
import { callerOf, httpVersionKey, remoteAddressKey } from "../calls/caller.ts";
import { heardFrom } from "../streams/session-hearing.ts";
import { Transfers } from "../streams/transfers.ts";

/** How agents reach the control plane. `generation` is the random id of the database's history. */
export const agentGatewayService = (
  control: Control,
  liveness: Liveness,
  generation: string,
  transfers = new Transfers(control, "storage_unavailable"),
): ServiceImpl<typeof AgentGatewayService> => ({
  register: async (request, context) => {
    const said = {
      incarnation: request.incarnation,
      bootId: request.bootId,
      name: request.name,
      version: request.version,
      minimumProtocol: request.minimumProtocol,
      maximumProtocol: request.maximumProtocol,
      os: request.os,
      arch: request.arch,
      labels: request.labels,
      concurrency: request.concurrency,
      sandbox: request.sandbox,
      place: request.place,
      address: context.values.get(remoteAddressKey),
      httpVersion: context.values.get(httpVersionKey),
    };
    const who = callerOf(context);
    const registration = await registerAgent(control, who, said);
    const { agent, sessionToken, pool, organization, protocol, wayProblem } = registration;
    const { name, address, version } = agent;
    const vouched = who.kind === "agent_token" ? given({ identity: who.identity }) : {};
    control.log.info(
      { agentId: agent.id, name, pool: pool?.name ?? "", address, version, ...vouched },
      "agent registered",
    );
    if (wayProblem !== "")
      control.log.warn({ agentId: agent.id, name: agent.name, reason: wayProblem }, "an agent will get no stream");
    return {
      agentId: agent.id,
      sessionToken,
      agentPoolId: pool?.id ?? "",
      agentPool: pool?.name ?? "",
      organization: organization?.name ?? "",
      address: agent.address,
      heartbeatInterval: durationFromMs(control.timing.heartbeatMs),
      clusterGeneration: generation,
      serverVersion: control.version,
      protocol,
      wayProblem,
    };
  },
  getAgentManifest: async (_request, context) => {
    const { manifest, signatures } = await agentManifest(control, callerOf(context));
    return { manifest, signatures };
  },
  downloadAgentRelease: ({ file, offset, maxBytes }, context) => {
    const wanted = { file, offset: Number(offset) };
    return transfers.download(context, agentRelease(control, callerOf(context), wanted), maxBytes);
  },
  session: (requests, context) =>
    serveSession(control, liveness, {
      who: callerOf(context),
      stream: {
        incoming: heardFrom(requests),
        signal: context.signal,
        address: context.values.get(remoteAddressKey),
      },
    }),
});
