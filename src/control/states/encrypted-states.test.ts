import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { storeState } from "../jobs/states.ts";
import { deleteWorkspace } from "../workspaces/deletion.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { pushState, rollbackState } from "./push.ts";
import { adoptState } from "./quarantine.ts";
import { downloadState, getOutputs } from "./states.ts";
import { listStateResources } from "./views.ts";

const lineage = "11111111-2222-3333-4444-555555555555";
const nowhere = { organization: "", name: "" };

/** As OpenTofu writes it: serial and lineage stand once more inside of what nobody can read. */
const encrypted = (serial: number, note = "x") =>
  JSON.stringify({ serial, lineage, meta: {}, encrypted_data: note, encryption_version: "v0" });

describe.each(testEngines)("a state that tofu has encrypted ($name)", (engine) => {
  let held: AsyncDisposableStack;
  let fixture: TestControl;
  let workspace: Workspace;
  let operator: Person;
  let owner: Person;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const { rows } = await engine.urls(held);
    fixture = held.use(await openTestControl({ rows }));
    [operator, owner] = [fixture.as("operator"), fixture.as("owner")];
    ({ workspace } = await createWorkspace(fixture.control, operator, newWorkspace("net")));
  });
  afterEach(() => held.disposeAsync());

  async function push(text: string, isForced = false): Promise<StateVersion> {
    const bytes = Buffer.from(text);
    const wish = { workspace: ref("net"), bytes, sha256: sha256(bytes), isForced };
    return (await pushState(fixture.control, isForced ? owner : operator, wish)).state;
  }

  const content = async (id: string): Promise<string> =>
    Buffer.concat(
      await Array.fromAsync(downloadState(fixture.control, operator, { id, workspace: nowhere })),
    ).toString();

  test("is not rolled back under a serial that tofu refuses; the way that is told gives it back as it is", async () => {
    const old = await push(encrypted(1));
    await push(encrypted(2));
    const back = rollbackState(fixture.control, operator, { id: old.id, expectedCurrentId: "" });
    await expect(back).rejects.toMatchObject({
      code: "state_serial_conflict",
      message: expect.stringMatching(
        new RegExp(`${old.id} is encrypted by tofu.*serial 1.*state pull ${old.id}.*push old.tfstate -w net --force`),
      ),
    });
    const pushed = await push(await content(old.id), true);
    expect(pushed).toMatchObject({ serial: 1, status: "current", unreadReason: "it is encrypted by tofu" });
  });

  test("is adopted as it is, and not under another serial", async () => {
    const { control, clock } = fixture;
    const run = runRow(workspace, { status: "errored" });
    const job = jobRow(run, { phase: "apply", status: "interrupted", epoch: 1, startedAt: clock.now() });
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
    });
    await push(encrypted(2));
    const aside = async (serial: number, sequence: number) => {
      const bytes = Buffer.from(encrypted(serial, `late ${serial}`));
      const who: Principal = { kind: "job", jobId: job.id, epoch: 1 };
      return storeState(control, who, { bytes, lineage, serial, sha256: sha256(bytes), sequence });
    };
    const behind = await aside(2, 1);
    expect(behind).toMatchObject({ status: "quarantined", unreadReason: "it is encrypted by tofu" });
    await expect(adoptState(control, operator, { id: behind.id, isForced: false })).rejects.toMatchObject({
      code: "state_serial_conflict",
    });
    const ahead = await aside(3, 2);
    const { state } = await adoptState(control, operator, { id: ahead.id, isForced: false });
    expect(await content(state.id)).toBe(encrypted(3, "late 3"));
  });

  test("has no counts and no outputs that anybody could take for none", async () => {
    const { control } = fixture;
    const { id } = await push(encrypted(1));
    const words = "is encrypted by tofu: what it holds cannot be read here";
    const reference = { id, workspace: nowhere };
    const page = { size: 10, token: "" };
    await expect(getOutputs(control, operator, { state: reference, page })).rejects.toThrow(words);
    await expect(listStateResources(control, operator, { state: reference, search: "", page })).rejects.toThrow(words);
    const deletion = { reference: ref("net"), isForced: false };
    await expect(deleteWorkspace(control, owner, deletion)).rejects.toThrow(
      `has state (${id}, not read: it is encrypted by tofu)`,
    );
    const losses = await deleteWorkspace(control, owner, { ...deletion, isForced: true, isTrial: true });
    expect(losses).toMatchObject({ resources: 0, unreadReason: "it is encrypted by tofu" });
  });
});
