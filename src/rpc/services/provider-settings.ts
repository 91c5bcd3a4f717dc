import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import {
  deleteProviderSettings,
  getProviderSettings,
  updateProviderSettings,
} from "../../control/workspaces/provider-settings.ts";
import type { ProviderSettingsService } from "../../gen/windlass/v1/provider_settings_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromMask } from "../mapping/field-mask.ts";
import { providerSettingsFields, toProviderSettings } from "../mapping/provider-settings.ts";

/** Manages where jobs take providers from. */
export const providerSettingsService = (control: Control): ServiceImpl<typeof ProviderSettingsService> => ({
  getProviderSettings: async ({ organization, agentPool, effective: isEffective }, context) => {
    const wanted = { organization, agentPool, isEffective };
    return { providerSettings: toProviderSettings(await getProviderSettings(control, callerOf(context), wanted)) };
  },
  updateProviderSettings: async ({ organization, agentPool, updateMask, etag, ...request }, context) => {
    const changes = fromMask(updateMask, request.changes, providerSettingsFields);
    const update = { reference: { organization, agentPool }, changes, etag, isTrial: request.validateOnly };
    return { providerSettings: toProviderSettings(await updateProviderSettings(control, callerOf(context), update)) };
  },
  deleteProviderSettings: async ({ organization, agentPool }, context) => {
    await deleteProviderSettings(control, callerOf(context), { organization, agentPool });
    return {};
  },
});
