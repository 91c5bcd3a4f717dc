import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Short files whose tests take minutes: they build clients, or play hundreds of schedules. */
const longest = ["test/conformance/", "test/clients/", "test/model/", "test/networks/"];

/**
 * Begins each of the files that take longest in time, so that none of them runs alone at the end, and beside two others, as they
 * want all processors for themselves. The others come as vitest has them: large ones first.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId }: TestSpecification) => longest.findIndex((folder) => moduleId.includes(`/${folder}`));
    const long = sorted.filter((file) => rankOf(file) !== -1).toSorted((one, other) => rankOf(one) - rankOf(other));
    const others = sorted.filter((file) => rankOf(file) === -1);
    return [
      ...long.flatMap((file, at) => [file, ...others.slice(2 * at, 2 * at + 2)]),
      ...others.slice(2 * long.length),
    ];
  }
}
