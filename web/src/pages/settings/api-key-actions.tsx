import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ApiKey } from "../../../../src/gen/windlass/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../../src/gen/windlass/v1/api_key_service_pb.ts";
import { SystemService } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { type Overlap, OverlapField, overlapDuration } from "../../ui/forms/overlap-field.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { KeyShown } from "./key-shown.tsx";

interface KeyDialogProps {
  readonly apiKey: ApiKey;
  readonly onClose: () => void;
}

/** What can be done with a key. */
export function ApiKeyActions({ apiKey }: { readonly apiKey: ApiKey }) {
  const [open, setOpen] = useState<"rotate" | "revoke">();
  const over = apiKey.active ? undefined : "It has ended already";
  const replaced = apiKey.replacedBy === "" ? undefined : `${apiKey.replacedBy} replaces it already`;
  const close = () => setOpen(undefined);
  return (
    <span className="inline-flex gap-1.5">
      <ActionButton size="xs" onClick={() => setOpen("rotate")} testId="rotate-key" disabledReason={over ?? replaced}>
        Rotate
      </ActionButton>
      <ActionButton size="xs" onClick={() => setOpen("revoke")} testId="revoke-key" disabledReason={over}>
        Revoke
      </ActionButton>
      {open === "rotate" && <RotateKeyDialog apiKey={apiKey} onClose={close} />}
      {open === "revoke" && <RevokeKeyDialog apiKey={apiKey} onClose={close} />}
    </span>
  );
}

function RotateKeyDialog({ apiKey, onClose }: KeyDialogProps) {
  const attempt = useAttempt();
  const orgFlag = useOrgFlag();
  const rotateApiKey = useCall(ApiKeyService.method.rotateApiKey, ["ListApiKeys"]);
  const [overlap, setOverlap] = useState<Overlap>("1h");
  const [secret, setSecret] = useState<string>();
  const rotate = () =>
    attempt.run(async () => {
      const answer = await rotateApiKey({ apiKeyId: apiKey.id, overlap: overlapDuration(overlap) });
      setSecret(answer.secret);
    });
  if (secret !== undefined) return <KeyShown name={apiKey.name} secret={secret} onClose={onClose} />;
  return (
    <FormDialog
      title={`Rotate ${apiKey.name}`}
      action="Rotate"
      attempt={attempt}
      failed="The key was not rotated"
      onSubmit={() => void rotate()}
      onClose={onClose}
      cli={`windlass apikey rotate ${shellWord(apiKey.id)} --overlap ${overlap}${orgFlag}`}
      testId="rotate-key-dialog"
    >
      <p>A new key with the same name and role takes its place. Its secret is shown once.</p>
      <OverlapField value={overlap} onChange={setOverlap} />
    </FormDialog>
  );
}

function RevokeKeyDialog({ apiKey, onClose }: KeyDialogProps) {
  const orgFlag = useOrgFlag();
  const { data: caller } = useQuery(SystemService.method.whoAmI, {}, { staleTime: 60_000 });
  const revokeApiKey = useCall(ApiKeyService.method.revokeApiKey, ["ListApiKeys"]);
  return (
    <ConfirmDialog
      title={`Revoke ${apiKey.name}?`}
      action="Revoke"
      cli={`windlass apikey revoke ${shellWord(apiKey.id)}${orgFlag}`}
      onConfirm={() => revokeApiKey({ apiKeyId: apiKey.id })}
      onClose={onClose}
      testId="revoke-key-dialog"
    >
      <p>It ends at once, with every browser that is signed in with it. This cannot be taken back.</p>
      <p className="text-sm">
        Last used <RelativeTime time={apiKey.lastUseTime} />
        {apiKey.lastUseAddress !== "" && ` from ${apiKey.lastUseAddress}`}.
      </p>
      {caller?.id === apiKey.id && (
        <p className="text-sm text-warning">This is the key that you are signed in with: you will be signed out.</p>
      )}
    </ConfirmDialog>
  );
}
