import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../control/control.ts";
import { describeCaller, describeServer } from "../control/system.ts";
import type { SystemService } from "../gen/windlass/v1/system_service_pb.ts";
import { callerOf } from "./caller.ts";
import { toServerInfo, toWhoAmI } from "./mapping/system.ts";

/** What the server is, and who the caller is. */
export const systemService = (control: Control): ServiceImpl<typeof SystemService> => ({
  getServerInfo: async () => toServerInfo(await describeServer(control)),
  whoAmI: async (_request, context) => toWhoAmI(await describeCaller(control, callerOf(context))),
});
