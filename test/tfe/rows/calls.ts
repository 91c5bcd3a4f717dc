import type { TestTfe } from "../../support/tfe.ts";

/** The id of what a site admin makes with a call. */
export async function madeBy(tfe: TestTfe, path: string, body: unknown): Promise<string> {
  const { status, document } = await tfe.call("POST", path, body, { token: tfe.keys.site_admin });
  if (status !== 201) throw new Error(`POST ${path}: ${status} ${JSON.stringify(document)}`);
  return document.data.id;
}
