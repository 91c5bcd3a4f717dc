import { useQuery } from "@connectrpc/connect-query";
import { useRef } from "react";
import type { ConfigurationVersion } from "../../../src/gen/windlass/v1/configuration_pb.ts";
import { SystemService } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import type { Workspace } from "../../../src/gen/windlass/v1/workspace_pb.ts";
import { shellWord } from "../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../app/organization.ts";
import { ActionButton } from "../ui/action-button.tsx";
import { CliLine } from "../ui/cli-line.tsx";
import { ErrorNote } from "../ui/error-note.tsx";
import { bytesText, countText, shortId } from "../ui/format.ts";
import { type Chosen, type UploadState, useUpload } from "./use-upload.ts";

interface UploadFieldProps {
  readonly workspace: Pick<Workspace, "name" | "organization" | "workingDirectory">;
  readonly onUploaded: (version: ConfigurationVersion) => void;
}

/** Chooses a folder or an archive on this machine, and uploads it as a configuration of the workspace. */
export function UploadField({ workspace, onUploaded }: UploadFieldProps) {
  const { name, organization, workingDirectory } = workspace;
  const orgFlag = useOrgFlag();
  const { data: server } = useQuery(SystemService.method.getServerInfo, {}, { staleTime: 60_000 });
  const limit = Number(server?.maxConfigurationBytes ?? 0n);
  const maxBytes = limit === 0 ? Number.MAX_SAFE_INTEGER : limit;
  const { state, ...upload } = useUpload({ organization, workspace: name, workingDirectory, maxBytes, onUploaded });
  const isBusy = state.kind === "working";
  return (
    <div className="space-y-2 text-sm" data-testid="upload">
      <div className="flex flex-wrap items-center gap-2">
        <FileButtons onChosen={upload.start} disabledReason={isBusy ? "An upload is on its way" : undefined} />
        {isBusy && (
          <ActionButton onClick={upload.cancel} testId="upload-cancel" tone="quiet">
            Cancel
          </ActionButton>
        )}
      </div>
      <p className="quiet text-xs">
        {limit > 0 && `At most ${bytesText(limit)} packed. `}
        Of a folder, .git, .terraform, states and what .terraformignore names stay here. Links and permissions to
        execute are not seen by a browser: an archive has them.
      </p>
      <div role="status">
        <UploadProgress state={state} />
      </div>
      {state.kind === "refused" && (
        <p role="alert" className="text-error" data-testid="upload-refused">
          {state.why}
        </p>
      )}
      {state.kind === "failed" && <ErrorNote error={state.error} what="Nothing was uploaded" retry={upload.again} />}
      <CliLine command={`windlass upload . -w ${shellWord(name)}${orgFlag}`} testId="upload-cli" />
    </div>
  );
}

interface FileButtonsProps {
  readonly onChosen: (chosen: Chosen) => void;
  readonly disabledReason: string | undefined;
}

/** Buttons in front of the browser's own fields, which cannot say why they are off. */
function FileButtons({ onChosen, disabledReason }: FileButtonsProps) {
  const folder = useRef<HTMLInputElement>(null);
  const archive = useRef<HTMLInputElement>(null);
  const take = (input: HTMLInputElement, kind: Chosen["kind"]) => {
    const files = [...(input.files ?? [])];
    // The same choice once more is one, too.
    input.value = "";
    const [file] = files;
    if (file !== undefined) onChosen(kind === "folder" ? { kind, files } : { kind, file });
  };
  const button = { disabledReason } as const;
  return (
    <>
      <ActionButton {...button} onClick={() => folder.current?.click()} testId="upload-folder">
        Choose a folder…
      </ActionButton>
      <ActionButton {...button} onClick={() => archive.current?.click()} testId="upload-archive">
        Choose a .tar.gz file…
      </ActionButton>
      <input
        ref={folder}
        type="file"
        hidden
        webkitdirectory=""
        onChange={(event) => take(event.currentTarget, "folder")}
        data-testid="upload-folder-input"
      />
      <input
        ref={archive}
        type="file"
        hidden
        accept=".gz,.tgz,application/gzip"
        onChange={(event) => take(event.currentTarget, "archive")}
        data-testid="upload-archive-input"
      />
    </>
  );
}

function UploadProgress({ state }: { readonly state: UploadState }) {
  if (state.kind === "working") {
    const said = `${state.what} ${bytesText(state.bytes)} of ${bytesText(state.of)}`;
    return (
      <p className="flex flex-wrap items-center gap-3" data-testid="upload-progress">
        <progress value={state.bytes} max={Math.max(1, state.of)} aria-label={state.what} />
        {said}
      </p>
    );
  }
  if (state.kind !== "done") return null;
  const { id, fileCount, sizeBytes } = state.version;
  const ignored = state.ignored === 0 ? "" : `; ${countText(state.ignored, "file")} left out by .terraformignore`;
  return (
    <p className="text-success" data-testid="upload-done">
      Uploaded as {shortId(id)}: {countText(fileCount, "file")}, {bytesText(sizeBytes)} packed{ignored}.
    </p>
  );
}
