import { useState } from "react";
import { Dialog } from "../ui/dialog.tsx";
import { activeShortcuts } from "../ui/shortcuts.ts";

/** Every key that does something on this page. */
export function KeyboardHelp({ onClose }: { readonly onClose: () => void }) {
  const [shortcuts] = useState(activeShortcuts);
  const all = [...shortcuts, { keys: "Enter", label: "Open the row" }, { keys: "Esc", label: "Close a dialog" }];
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} testId="keyboard-help">
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
        {all.map(({ keys, label }) => (
          <div key={keys} className="contents">
            <dt className="flex gap-1">
              {keys.split(" ").map((key, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a key may come twice, in a fixed order
                <kbd key={index} className="kbd kbd-sm">
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
