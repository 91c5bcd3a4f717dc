import type { Configuration } from "../../domain/workspaces/configuration.ts";
import type { Resource } from "../core/answers.ts";
import { toTfeId, toTime } from "../core/ids.ts";

/** A configuration as clients know it. Nothing here comes from a repository. */
export const toConfigurationVersion = (row: Configuration): Resource => {
  const id = toTfeId(row.id);
  const path = `/api/v2/configuration-versions/${id}`;
  const why = row.errorMessage === "" ? null : row.errorMessage;
  return {
    type: "configuration-versions",
    id,
    attributes: {
      "auto-queue-runs": row.queuesRun,
      "changed-files": [],
      error: why,
      "error-message": why,
      provisional: row.isProvisional,
      source: "tfe-api",
      speculative: row.isSpeculative,
      status: row.status,
      "status-timestamps": row.uploadedAt === null ? {} : { "finished-at": toTime(row.uploadedAt) },
    },
    relationships: { "ingress-attributes": { data: null } },
    links: { self: path, ...(row.blobKey === "" ? {} : { download: `${path}/download` }) },
  };
};
