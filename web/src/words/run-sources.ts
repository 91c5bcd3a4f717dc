import { RunSource } from "../../../src/gen/windlass/v1/run_pb.ts";

interface SourceWords {
  /** Behind a name: `ana with windlass`. */
  readonly text: string;
  /** In a narrow place. */
  readonly short: string;
  /** As the command line client writes it. */
  readonly flag: string;
}

const words: Readonly<Record<RunSource, SourceWords>> = {
  [RunSource.UNSPECIFIED]: { text: "with an unknown client", short: "", flag: "" },
  [RunSource.BROWSER]: { text: "in the browser", short: "browser", flag: "browser" },
  [RunSource.CLI]: { text: "with windlass", short: "windlass", flag: "cli" },
  [RunSource.TERRAFORM]: { text: "with the terraform program", short: "terraform", flag: "terraform" },
  [RunSource.API]: { text: "over the API", short: "API", flag: "api" },
  [RunSource.TFE_API]: { text: "over the TFE API", short: "TFE API", flag: "tfe-api" },
};

/** How a run was created, as people read it. */
export const runSourceWords = (source: RunSource): SourceWords => words[source] ?? words[RunSource.UNSPECIFIED];

/** Every source that a filter offers. */
export const filterableSources: readonly RunSource[] = Object.values(RunSource).filter(
  (source) => runSourceWords(source).flag !== "",
);
