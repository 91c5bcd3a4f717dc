import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useServerAddress } from "../../app/server-address.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Secret } from "../../ui/blocks/secret.tsx";
import { CliLine } from "../../ui/cli-line.tsx";
import { Dialog } from "../../ui/dialog.tsx";

interface KeyShownProps {
  readonly name: string;
  readonly secret: string;
  readonly onClose: () => void;
}

/** The secret of a new key, once. */
export function KeyShown({ name, secret, onClose }: KeyShownProps) {
  const actions = (
    <ActionButton onClick={onClose} testId="key-done" tone="primary">
      Done
    </ActionButton>
  );
  return (
    <Dialog title={`Key for ${name}`} onClose={onClose} actions={actions} testId="key-shown">
      <Secret secret={secret} what="secret" />
      <p className="text-sm">It signs in to this page, and to the command line, which reads it from standard input:</p>
      <CliLine command={`windlass login ${shellWord(useServerAddress())} --token-stdin`} />
    </Dialog>
  );
}
