import { type Run, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import type { ResultOf } from "../../plan/plan-view.tsx";

/** What became of each change in the apply, as far as that is known. */
export function resultsOf({ state, inFlight, lost }: Run): ResultOf {
  const unknown = new Map(inFlight.map(({ address, note }) => [address, note]));
  const gone = new Map(lost.map(({ address, note }) => [address, note]));
  return (address) => {
    const note = unknown.get(address);
    if (note !== undefined) return { text: "unknown", tone: "wait", detail: note };
    const lostNote = gone.get(address);
    if (lostNote !== undefined) return { text: "done, not in the state", tone: "bad", detail: lostNote };
    return state === RunState.APPLIED ? { text: "applied", tone: "good", detail: "" } : undefined;
  };
}
