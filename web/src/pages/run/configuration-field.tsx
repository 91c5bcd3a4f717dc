import type { ConfigurationVersion } from "../../../../src/gen/windlass/v1/configuration_pb.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { useServerAddress } from "../../app/server-address.ts";
import { CliLine } from "../../ui/cli-line.tsx";
import { SelectField } from "../../ui/field.tsx";
import { absoluteText, bytesText, countText, dateOf, shortId } from "../../ui/format.ts";
import { shellWord } from "../../ui/shell-word.ts";
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

/** Of a workspace that nothing was uploaded for: a browser cannot. */
export function FirstUpload({ workspace }: { readonly workspace: string }) {
  return (
    <div className="rounded-box border border-warning/40 bg-warning/8 px-4 py-3 text-sm">
      <p className="mb-1">The workspace has no configuration yet. Upload a directory with the first run:</p>
      <CliLine command={`windlass run start ${shellWord(workspace)} --dir .${useOrgFlag()}`} testId="first-run-cli" />
      <p className="quiet mt-2 mb-1">Where the client does not know this server yet, log in first, with an API key:</p>
      <CliLine command={`windlass login ${useServerAddress()}`} testId="login-cli" />
    </div>
  );
}
