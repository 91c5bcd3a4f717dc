import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { findIds } from "../../control/core/find-ids.ts";
import { findAttention } from "../../control/people/attention.ts";
import { listReplicas } from "../../control/people/replicas.ts";
import { describeCaller, describeOrganization, probePieces, serverDescription } from "../../control/people/system.ts";
import type { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { toAttention, toReplicas, toServerInfo, toStats, toWhoAmI } from "../mapping/system.ts";
import { Probes } from "./probes.ts";

const defaultPieces = 5;
const defaultPieceBytes = 1024;

/** What the server is, and who the caller is. */
export const systemService = (
  control: Control,
  probes = new Probes(control),
  description = serverDescription(control),
): ServiceImpl<typeof SystemService> => ({
  getServerInfo: async () => toServerInfo(await description()),
  listReplicas: async (_request, context) => toReplicas(await listReplicas(control, callerOf(context))),
  whoAmI: async (_request, context) => toWhoAmI(await describeCaller(control, callerOf(context))),
  findIds: async ({ prefix }, context) => ({ ids: [...(await findIds(control, callerOf(context), prefix))] }),
  getAttention: async ({ organization, itemsPerKind }, context) =>
    toAttention(await findAttention(control, callerOf(context), { organization, limit: itemsPerKind })),
  getStats: async ({ organization }, context) =>
    toStats(await describeOrganization(control, callerOf(context), organization)),
  probe: (requests, context) => probes.serve(requests, context),
  async *streamProbe({ pieces, pieceBytes }, { signal }) {
    const wanted = { pieces: pieces || defaultPieces, bytes: pieceBytes || defaultPieceBytes };
    let number = 0;
    for await (const chunk of probePieces(control, wanted, signal)) yield { number: ++number, chunk };
  },
});
