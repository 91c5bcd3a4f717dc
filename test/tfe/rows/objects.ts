import { createHash } from "node:crypto";
import { pushState } from "../../../src/control/states/push.ts";
import { uploadConfiguration } from "../../../src/control/workspaces/configurations.ts";
import { announceConfiguration } from "../../../src/control/workspaces/pending-configurations.ts";
import type { Organization } from "../../../src/domain/people/organization.ts";
import { toNamedId, toTfeId } from "../../../src/tfe/core/ids.ts";
import { bytes, entry, tar } from "../../support/archive.ts";
import { sha256 } from "../../support/control.ts";
import { resourceBody, type TestTfe } from "../../support/tfe.ts";
import { byId, makeWorkspace } from "./made.ts";
import type { TfeRow } from "./row.ts";

type Request = NonNullable<TfeRow["request"]>;

const archive = tar(entry({ name: "main.tf", body: "# nothing\n" }));

/** A workspace with two configurations that were uploaded; the older one may be archived. */
async function makeConfigurations(tfe: TestTfe, organization: Organization) {
  const workspace = await makeWorkspace(tfe, organization);
  const reference = { organization: "", name: workspace.id };
  const size = { bytes: archive.length, sha256: sha256(archive) };
  const upload = () =>
    uploadConfiguration(tfe.control, tfe.admin, { workspace: reference, ...size, chunks: bytes(archive) });
  const { configuration } = await upload();
  await tfe.clock.advance(1_000);
  await upload();
  return { workspace, configuration };
}

/** A workspace with two states. */
async function makeStates(tfe: TestTfe, organization: Organization) {
  const workspace = await makeWorkspace(tfe, organization);
  const reference = { organization: "", name: workspace.id };
  const push = async (serial: number) => {
    const outputs = { a: { value: serial, type: "number" } };
    const state = { version: 4, terraform_version: "1.11.4", serial, lineage: "l", outputs, resources: [] };
    const content = Buffer.from(JSON.stringify(state));
    const sum = sha256(content);
    return (
      await pushState(tfe.control, tfe.admin, { workspace: reference, bytes: content, sha256: sum, isForced: false })
    ).state;
  };
  const old = await push(1);
  return { workspace, old, state: await push(2) };
}

const configured: Request = async (tfe, organization) => ({
  params: { configuration: toTfeId((await makeConfigurations(tfe, organization)).configuration.id) },
});

const stated: Request = async (tfe, organization) => {
  const { state, workspace } = await makeStates(tfe, organization);
  return { params: { state: toTfeId(state.id), workspace: toTfeId(workspace.id) } };
};

const inWorkspace =
  (body?: unknown): Request =>
  async (tfe, organization) => ({ ...byId(await makeWorkspace(tfe, organization)), body });

const announcement = resourceBody("state-versions", { serial: 1, md5: "0".repeat(32) });
const planned = resourceBody("configuration-versions", { "auto-queue-runs": false });
const key = createHash("sha256").update("a").digest("hex").slice(0, 16);

/** Of configurations, states and outputs. */
export const objectRows: readonly TfeRow[] = [
  {
    ...{ pattern: "POST /workspaces/:workspace/configuration-versions", needs: "plan", status: 201 },
    request: inWorkspace(planned),
  },
  {
    ...{ pattern: "GET /workspaces/:workspace/configuration-versions", needs: "read", status: 200 },
    request: inWorkspace(),
  },
  {
    ...{ pattern: "GET /configuration-versions/:configuration", needs: "read", status: 200 },
    // One that waits for its archive.
    request: async (tfe, organization) => {
      const workspace = { organization: "", name: (await makeWorkspace(tfe, organization)).id };
      const wish = { workspace, isSpeculative: false, isProvisional: false, queuesRun: false };
      const { configuration } = await announceConfiguration(tfe.control, tfe.admin, wish);
      return { params: { configuration: toTfeId(configuration.id) } };
    },
  },
  {
    ...{ pattern: "GET /configuration-versions/:configuration/download", needs: "read", status: 200 },
    request: configured,
  },
  {
    ...{ pattern: "POST /configuration-versions/:configuration/actions/archive", needs: "operate", status: 202 },
    request: configured,
  },
  {
    ...{ pattern: "GET /state-versions", needs: "read", status: 200 },
    request: async (tfe, organization) => {
      const { workspace } = await makeStates(tfe, organization);
      const query = `?filter[organization][name]=${organization.name}&filter[workspace][name]=${workspace.name}`;
      return { query };
    },
  },
  { pattern: "GET /state-versions/:state", needs: "read", status: 200, request: stated },
  { pattern: "GET /state-versions/:state/download", needs: "plan", status: 200, request: stated },
  { pattern: "GET /state-versions/:state/outputs", needs: "read", status: 200, request: stated },
  { pattern: "GET /workspaces/:workspace/current-state-version", needs: "read", status: 200, request: stated },
  { pattern: "GET /workspaces/:workspace/current-state-version-outputs", needs: "read", status: 200, request: stated },
  {
    ...{ pattern: "GET /state-version-outputs/:output", needs: "read", status: 200 },
    request: async (tfe, organization) => {
      const { state } = await makeStates(tfe, organization);
      return { params: { output: toNamedId("wsout", state.id, key) } };
    },
  },
  {
    // Nobody has locked it.
    ...{ pattern: "POST /workspaces/:workspace/state-versions", needs: "operate", status: 409 },
    request: inWorkspace(announcement),
  },
  {
    ...{ pattern: "PATCH /workspaces/:workspace/state-versions", needs: "operate", status: 200 },
    request: async (tfe, organization) => {
      const { workspace, old } = await makeStates(tfe, organization);
      const from = { data: { type: "state-versions", id: toTfeId(old.id) } };
      return { ...byId(workspace), body: resourceBody("state-versions", {}, { "rollback-state-version": from }) };
    },
  },
];
