import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ProviderSettings } from "../../../../src/gen/windlass/v1/provider_settings_pb.ts";
import { ProviderSettingsService } from "../../../../src/gen/windlass/v1/provider_settings_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Field } from "../../ui/field.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { PoolField } from "../workspaces/pool-field.tsx";
import { HostFields, SourceFields } from "./provider-fields.tsx";
import { hostMessage, hostsOf, sourceMessage, sourcesOf } from "./provider-form.ts";

const stale = ["GetProviderSettings"];

/** Where jobs take providers from: of the organization, or of one pool. */
export function ProvidersPart() {
  const organization = useOrganization();
  const [pool, setPool] = useUrlState("pool");
  const { data, error, refetch } = useQuery(ProviderSettingsService.method.getProviderSettings, {
    organization,
    agentPool: pool,
  });
  const settings = data?.providerSettings;
  return (
    <Section
      title={pool === "" ? "Providers for every pool" : `Providers for ${pool}`}
      lead="Where terraform takes providers from: mirrors, tokens of registries, certificates. What a pool sets wins over the organization's. Without any, agents ask the registries."
    >
      <div className="max-w-sm">
        <PoolField value={pool} onChange={setPool} workspace="" none="Every pool of the organization" />
      </div>
      {error !== null && (
        <ErrorNote error={error} what="The provider settings could not be read" retry={() => void refetch()} />
      )}
      {settings !== undefined && <ProviderForm key={pool} settings={settings} pool={pool} />}
    </Section>
  );
}

interface ProviderFormProps {
  readonly settings: ProviderSettings;
  readonly pool: string;
}

function ProviderForm({ settings, pool }: ProviderFormProps) {
  const organization = useOrganization();
  const lack = useLack(Permission.OWN);
  const attempt = useAttempt();
  const [sources, setSources] = useState(() => sourcesOf(settings));
  const [hosts, setHosts] = useState(() => hostsOf(settings));
  const [certificates, setCertificates] = useState(settings.caCertificates);
  const update = useCall(ProviderSettingsService.method.updateProviderSettings, stale);
  // Of what this form began with: what somebody else has changed since is refused, and what was typed stays.
  const [etag, setEtag] = useState(settings.etag);
  const save = () =>
    attempt.run(async () => {
      const { providerSettings } = await update({
        ...{ organization, agentPool: pool, etag },
        changes: { sources: sources.map(sourceMessage), hosts: hosts.map(hostMessage), caCertificates: certificates },
        updateMask: { paths: ["sources", "hosts", "ca_certificates"] },
      });
      if (providerSettings === undefined) return;
      setEtag(providerSettings.etag);
      setHosts(hostsOf(providerSettings));
    });
  return (
    <div className="panel space-y-5 p-4 sm:p-5">
      {settings.warnings.map((warning) => (
        <p key={warning} className="text-sm text-warning">
          {warning}
        </p>
      ))}
      <SourceFields sources={sources} onChange={setSources} />
      <HostFields hosts={hosts} onChange={setHosts} />
      <Field
        label="Certificates"
        value={certificates}
        onChange={setCertificates}
        rows={4}
        hint="In PEM form; trusted beside the system's."
        testId="provider-certificates"
        mono
      />
      {attempt.failure !== undefined && (
        <ErrorNote error={attempt.failure.error} what="The provider settings were not changed" />
      )}
      <div className="flex flex-wrap gap-2 border-base-300 border-t pt-4">
        <ActionButton
          onClick={() => void save()}
          isBusy={attempt.isBusy}
          testId="save-providers"
          tone="primary"
          disabledReason={lack}
        >
          Save
        </ActionButton>
        <DeleteProviders settings={settings} pool={pool} lack={lack} />
      </div>
    </div>
  );
}

function DeleteProviders({ settings, pool, lack }: ProviderFormProps & { readonly lack: string | undefined }) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const [asks, setAsks] = useState(false);
  const remove = useCall(ProviderSettingsService.method.deleteProviderSettings, stale);
  const none = settings.updateTime === undefined ? "Nothing is set" : undefined;
  return (
    <>
      <ActionButton onClick={() => setAsks(true)} testId="delete-providers" disabledReason={lack ?? none}>
        Delete all
      </ActionButton>
      {asks && (
        <ConfirmDialog
          title="Delete these provider settings?"
          action="Delete all"
          cli={`windlass providers delete${pool === "" ? "" : ` --pool ${shellWord(pool)}`}${orgFlag}`}
          onConfirm={() => remove({ organization, agentPool: pool })}
          onClose={() => setAsks(false)}
          testId="delete-providers-dialog"
        >
          <p>Tokens cannot be brought back. Running jobs keep what they got.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
