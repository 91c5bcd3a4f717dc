import { ApiKeyService } from "../../../src/gen/windlass/v1/api_key_service_pb.ts";
import { AuditService } from "../../../src/gen/windlass/v1/audit_service_pb.ts";
import { Role } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import { type Row, row } from "../row.ts";

const { method: keys } = ApiKeyService;
const { method: audit } = AuditService;

export const keyRows: readonly Row[] = [
  row(keys.createApiKey, {
    ...{ admits: "people", needs: "own", names: "organization" },
    request: ({ place: { organization } }) => ({ organization, name: "ci", role: Role.OWNER }),
  }),
  row(keys.getApiKey, {
    ...{ admits: "people", needs: "own", names: "thing" },
    request: ({ place: { apiKey: apiKeyId } }) => ({ apiKeyId }),
  }),
  row(keys.listApiKeys, {
    ...{ admits: "people", needs: "own", names: "organization", judgedFirst: true },
    request: ({ place: { organization } }) => ({ organization }),
  }),
  row(keys.listBrowserSessions, {
    ...{ admits: "people", needs: "own", names: "thing" },
    request: ({ place: { apiKey: apiKeyId } }) => ({ apiKeyId }),
  }),
  row(keys.endBrowserSession, {
    ...{ admits: "people", needs: "own", names: "thing" },
    request: ({ place: { apiKey: apiKeyId } }) => ({ apiKeyId, all: true }),
  }),
  row(keys.rotateApiKey, {
    ...{ admits: "people", needs: "own", names: "thing" },
    request: ({ place: { apiKey: apiKeyId } }) => ({ apiKeyId }),
  }),
  row(keys.revokeApiKey, {
    ...{ admits: "people", needs: "own", names: "thing" },
    request: ({ place: { apiKey: apiKeyId } }) => ({ apiKeyId }),
  }),
  row(audit.listAuditEvents, {
    ...{ admits: "people", needs: "own", names: "organization", judgedFirst: true },
    request: ({ place: { organization } }) => ({ organization }),
  }),
  row(audit.exportAuditEvents, {
    ...{ admits: "people", needs: "own", names: "organization", judgedFirst: true },
    request: ({ place: { organization } }) => ({ organization }),
  }),
];
