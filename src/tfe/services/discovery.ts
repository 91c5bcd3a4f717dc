import type { TfeAnswer } from "../core/answers.ts";
import { type OpenCall, openRoute } from "../core/call.ts";
import { loginService } from "../login/request.ts";

/** Where clients find the API, as they ask every host. */
const readDiscovery = async ({ origin }: OpenCall): Promise<TfeAnswer> => {
  const api = `${origin}/api/v2/`;
  const apis = { "tfe.v2": api, "tfe.v2.1": api, "tfe.v2.2": api, "state.v2": api };
  const services = { ...apis, "login.v1": loginService(origin) };
  return { kind: "bytes", status: 200, type: "application/json", bytes: `${JSON.stringify(services)}\n` };
};

export const discoveryRoutes = [openRoute("GET /.well-known/terraform.json", readDiscovery)];
