import { ExternalScaler } from "../../../src/gen/externalscaler/externalscaler_pb.ts";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../../src/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { OrganizationService } from "../../../src/gen/windlass/v1/organization_service_pb.ts";
import { SystemService } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import { type Ingredients, type Row, row } from "../row.ts";

const { method: system } = SystemService;
const { method: organizations } = OrganizationService;
const listServices = { messageRequest: { case: "listServices", value: "" } } as const;
/** Its credential is part of the request, whoever sends it. */
const scaled = ({ agent: { poolToken } }: Ingredients) => ({ scalerMetadata: { token: poolToken } });
let count = 0;

export const systemRows: readonly Row[] = [
  row(Health.method.check, { admits: "anybody", request: () => ({}) }),
  row(Health.method.list, { admits: "anybody", request: () => ({}) }),
  row(Health.method.watch, { admits: "anybody", request: () => ({}) }),
  row(ServerReflection.method.serverReflectionInfo, { admits: "anybody", request: () => [listServices] }),
  row(ServerReflectionAlpha.method.serverReflectionInfo, { admits: "anybody", request: () => [listServices] }),
  row(ExternalScaler.method.isActive, { admits: "anybody", request: scaled }),
  row(ExternalScaler.method.streamIsActive, { admits: "anybody", request: scaled }),
  row(ExternalScaler.method.getMetricSpec, { admits: "anybody", request: scaled }),
  row(ExternalScaler.method.getMetrics, {
    admits: "anybody",
    request: (ingredients) => ({ scaledObjectRef: scaled(ingredients) }),
  }),
  row(system.getServerInfo, { admits: "anybody", request: () => ({}) }),
  row(system.listReplicas, {
    ...{ admits: "people", needs: "administer_site", names: "nothing" },
    request: () => ({}),
  }),
  row(system.whoAmI, { admits: "everybody", names: "nothing", request: () => ({}) }),
  row(system.streamProbe, { admits: "everybody", names: "nothing", request: () => ({ pieces: 1 }) }),
  row(system.probe, { admits: "everybody", names: "nothing", request: () => [{ answerBytes: 1 }] }),
  row(system.findIds, {
    ...{ admits: "people", needs: "read", names: "nothing" },
    request: () => ({ prefix: "run_0000" }),
  }),
  row(system.getStats, {
    ...{ admits: "people", needs: "read", names: "organization" },
    request: ({ place: { organization } }) => ({ organization }),
  }),
  row(system.getAttention, {
    ...{ admits: "people", needs: "read", names: "organization" },
    request: ({ place: { organization } }) => ({ organization }),
  }),
  row(organizations.createOrganization, {
    ...{ admits: "people", needs: "administer_site", names: "nothing" },
    request: () => ({ name: `new-${++count}` }),
  }),
  row(organizations.getOrganization, {
    ...{ admits: "people", needs: "read", names: "organization" },
    request: ({ place: { organization } }) => ({ organization }),
  }),
  row(organizations.listOrganizations, {
    ...{ admits: "people", needs: "read", names: "nothing" },
    request: () => ({}),
  }),
  row(organizations.updateOrganization, {
    ...{ admits: "people", needs: "own", names: "organization" },
    request: ({ place: { organization } }) => ({
      organization,
      changes: { maxAgents: 1000 },
      updateMask: { paths: ["max_agents"] },
    }),
  }),
  row(organizations.deleteOrganization, {
    ...{ admits: "people", needs: "administer_site", names: "organization", outcome: "ORGANIZATION_IN_USE" },
    request: ({ place: { organization } }) => ({ organization }),
  }),
];
