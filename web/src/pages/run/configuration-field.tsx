import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ConfigurationVersion } from "../../../../src/gen/windlass/v1/configuration_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { useServerAddress } from "../../app/server-address.ts";
import { CliLine } from "../../ui/cli-line.tsx";
import { SelectField } from "../../ui/field.tsx";
import { absoluteText, bytesText, countText, dateOf, shortId } from "../../ui/format.ts";
import { UploadField } from "../../upload/upload-field.tsx";
import { callerName } from "../../words/caller.ts";

interface ConfigurationFieldProps {
  readonly configurations: readonly ConfigurationVersion[];
  /** Empty is the newest. */
  readonly value: string;
  readonly onChange: (id: string) => void;
}

/** Which of the uploaded configurations a run uses. */
export function ConfigurationField({ configurations, value, onChange }: ConfigurationFieldProps) {
  const options = configurations.map((one) => ({ value: one.id, label: `${shortId(one.id)}, ${about(one)}` }));
  return (
    <SelectField
      label="Configuration"
      value={value}
      options={[{ value: "", label: "The newest" }, ...options]}
      onChange={onChange}
      testId="run-configuration"
    />
  );
}

function about({ createTime, createdBy, fileCount, sizeBytes }: ConfigurationVersion): string {
  const at = dateOf(createTime);
  const when = at === undefined ? "" : absoluteText(at);
  return [when, `by ${callerName(createdBy)}`, countText(fileCount, "file"), bytesText(sizeBytes)]
    .filter(Boolean)
    .join(", ");
}

interface ConfigurationUploadProps {
  /** Name of the workspace. */
  readonly workspace: string;
  /** False for a workspace that nothing was uploaded for yet. */
  readonly hasOthers: boolean;
  readonly onUploaded: (id: string) => void;
}

/** Uploads a configuration for the run that is being started; open where there is none yet. */
export function ConfigurationUpload({ workspace: name, hasOthers, onUploaded }: ConfigurationUploadProps) {
  const organization = useOrganization();
  const [isFirst] = useState(!hasOthers);
  const { data } = useQuery(WorkspaceService.method.getWorkspace, { organization, workspace: name });
  return (
    <details className="folds rounded-box border border-base-300" open={isFirst} data-testid="upload-for-run">
      <summary className="px-4 py-2.5 font-medium text-sm">
        {hasOthers ? "Upload another configuration" : "The workspace has no configuration yet: upload one"}
      </summary>
      <div className="space-y-3 px-4 pb-4">
        {data?.workspace !== undefined && (
          <UploadField workspace={data.workspace} onUploaded={({ id }) => onUploaded(id)} />
        )}
        {isFirst && <FromCommandLine workspace={name} />}
      </div>
    </details>
  );
}

function FromCommandLine({ workspace }: { readonly workspace: string }) {
  return (
    <div className="space-y-1 text-sm">
      <p className="quiet">The command line can upload a directory and start the run at once:</p>
      <CliLine command={`windlass run start ${shellWord(workspace)} --dir .${useOrgFlag()}`} testId="first-run-cli" />
      <p className="quiet">Where the client does not know this server yet, log in first, with an API key:</p>
      <CliLine command={`windlass login ${useServerAddress()}`} testId="login-cli" />
    </div>
  );
}
