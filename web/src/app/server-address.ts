import { useQuery } from "@connectrpc/connect-query";
import { SystemService } from "../../../src/gen/windlass/v1/system_service_pb.ts";

/** Where programs reach this server: as it says itself, else as this page was reached. */
export function useServerAddress(): string {
  const { data: server } = useQuery(SystemService.method.getServerInfo, {}, { staleTime: 300_000 });
  return server?.publicUrl || window.location.origin;
}
