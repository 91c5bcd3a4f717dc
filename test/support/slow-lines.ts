/** The seconds that one sleeper of the `slow` configuration has printed, in the order of the log. */
export const slowLines = (log: string, sleeper: number): readonly number[] =>
  [...log.matchAll(/^terraform_data\.sleeper\[(\d+)\] \(local-exec\): worker \d+: second (\d+) of \d+$/gm)]
    .filter((match) => Number(match[1]) === sleeper)
    .map((match) => Number(match[2]));
