import type { PageRequest } from "../../control/pages.ts";

/** What a list request says of its page. */
export const pageOf = ({
  pageSize,
  pageToken,
}: {
  readonly pageSize: number;
  readonly pageToken: string;
}): PageRequest => ({
  size: pageSize,
  token: pageToken,
});
