import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { revokeApiKey, rotateApiKey } from "../../control/people/api-key-ends.ts";
import { getApiKey, issueApiKey, listApiKeys } from "../../control/people/api-keys.ts";
import { endBrowserSessions, listBrowserSessions } from "../../control/people/browser-session-ends.ts";
import { ApiKeySchema } from "../../gen/windlass/v1/api_key_pb.ts";
import type { ApiKeyService } from "../../gen/windlass/v1/api_key_service_pb.ts";
import { BrowserSessionSchema } from "../../gen/windlass/v1/browser_session_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromRole, toApiKey } from "../mapping/api-key.ts";
import { toBrowserSession } from "../mapping/browser-session.ts";
import { fromDuration } from "../mapping/duration.ts";
import { fromPage, toPage } from "../mapping/page.ts";

/** Manages the credentials of people and CI. */
export const apiKeyService = (control: Control): ServiceImpl<typeof ApiKeyService> => ({
  createApiKey: async ({ organization, name, role, expiresIn }, context) => {
    const wanted = { organization, name, role: fromRole(role), expiresInMs: fromDuration(expiresIn) };
    const { secret, ...view } = await issueApiKey(control, callerOf(context), wanted);
    return { apiKey: toApiKey(view), secret };
  },
  getApiKey: async ({ apiKeyId }, context) => ({
    apiKey: toApiKey(await getApiKey(control, callerOf(context), apiKeyId)),
  }),
  listApiKeys: async (request, context) => {
    const { organization } = request;
    const page = await listApiKeys(control, callerOf(context), { organization, page: fromPage(request) });
    const { messages: apiKeys, nextPageToken } = toPage(page, ApiKeySchema, toApiKey);
    return { apiKeys, nextPageToken };
  },
  rotateApiKey: async ({ apiKeyId: id, overlap, expiresIn }, context) => {
    const wanted = { id, overlapMs: fromDuration(overlap), expiresInMs: fromDuration(expiresIn) };
    const { made, secret, replaced } = await rotateApiKey(control, callerOf(context), wanted);
    return { apiKey: toApiKey(made), secret, replaced: toApiKey(replaced) };
  },
  revokeApiKey: async ({ apiKeyId }, context) => ({
    apiKey: toApiKey(await revokeApiKey(control, callerOf(context), apiKeyId)),
  }),
  listBrowserSessions: async (request, context) => {
    const wanted = { keyId: request.apiKeyId, page: fromPage(request) };
    const page = await listBrowserSessions(control, callerOf(context), wanted);
    const { messages: browserSessions, nextPageToken } = toPage(page, BrowserSessionSchema, toBrowserSession);
    return { browserSessions, nextPageToken };
  },
  endBrowserSession: async ({ apiKeyId: keyId, browserSessionId: sessionId, all: isAll }, context) => ({
    endedCount: await endBrowserSessions(control, callerOf(context), { keyId, sessionId, isAll }),
  }),
});
