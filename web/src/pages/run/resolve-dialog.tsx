import { useState } from "react";
import type { Run } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { RunResolution } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag } from "../../app/organization.ts";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { useNow } from "../../ui/now.ts";
import { meanwhileReason } from "./run-actions.ts";
import { useRunCalls } from "./run-calls.ts";

const choices = [
  {
    resolution: RunResolution.WAIT,
    word: "wait",
    title: "Wait for the agent",
    text: "The workspace stays locked; if the agent comes back, it delivers what it has.",
  },
  {
    resolution: RunResolution.ACCEPT_SNAPSHOT,
    word: "accept-snapshot",
    title: "Take the newest state that the run stored",
    text: "It becomes the workspace's state, also if it was kept aside, and the workspace is unlocked.",
  },
  {
    resolution: RunResolution.UNLOCK,
    word: "unlock",
    title: "Unlock with the state it has",
    text: "A state that still comes is kept aside. What the apply made may be unknown to the state.",
  },
] as const;

/** Decides about a run whose agent was lost in an apply. */
export function ResolveDialog({ run, onClose }: { readonly run: Run; readonly onClose: () => void }) {
  const calls = useRunCalls();
  const orgFlag = useOrgFlag();
  const [chosen, setChosen] = useState<(typeof choices)[number]>(choices[0]);
  const [comment, setComment] = useState("");
  const said = comment === "" ? "" : ` --comment ${shellWord(comment)}`;
  return (
    <ConfirmDialog
      title="What becomes of the workspace?"
      action="Decide"
      tone={chosen.resolution === RunResolution.WAIT ? "primary" : "danger"}
      typed={chosen.resolution === RunResolution.WAIT ? undefined : { what: "workspace", name: run.workspace }}
      refusal={meanwhileReason(run, "resolve", useNow())}
      cli={`windlass run resolve ${shellWord(run.id)} ${chosen.word}${said}${orgFlag}`}
      onConfirm={() => calls.resolve({ runId: run.id, resolution: chosen.resolution, comment })}
      onClose={onClose}
      testId="dialog-resolve"
    >
      <fieldset className="space-y-3">
        <legend className="sr-only">Decision</legend>
        {choices.map((choice) => (
          <label key={choice.word} className="flex items-start gap-2.5">
            <input
              type="radio"
              name="resolution"
              className="radio radio-sm mt-0.5"
              checked={choice === chosen}
              onChange={() => setChosen(choice)}
              data-testid={`resolve-${choice.word}`}
            />
            <span>
              <span className="block font-medium text-sm">{choice.title}</span>
              <span className="quiet block text-xs">{choice.text}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Field label="Comment" rows={2} value={comment} onChange={setComment} testId="action-comment" />
    </ConfirmDialog>
  );
}
