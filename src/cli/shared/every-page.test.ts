import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { PlanAction } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { VariableCategory } from "../../gen/windlass/v1/variable_pb.ts";
import { VariableService } from "../../gen/windlass/v1/variable_service_pb.ts";

const runId = "run_01h455vb4pex5vsknk084sn02q";
const stateId = "sv_01h455vb4pex5vsknk084sn02q";
const names = ["a", "b", "c"];

interface Asked {
  readonly pageToken: string;
}

/** One row a page, whatever was asked for: the token is the place of the next one. */
function onePage({ pageToken }: Asked) {
  const place = Number(pageToken === "" ? 0 : pageToken);
  return { name: names[place] ?? "", place, nextPageToken: place + 1 < names.length ? String(place + 1) : "" };
}

let server: FakeServer;
beforeEach(async () => {
  const lostOf = (name: string) => ({ address: `t.${name}`, action: "create", provider: "p", idKey: "id", id: name });
  server = await new FakeServer((router) =>
    router
      .service(StateService, {
        getOutputs: (request) => {
          const { name, nextPageToken } = onePage(request);
          return { outputs: [{ name, valueJson: `"${name}"`, valueBytes: 3n }], nextPageToken };
        },
        diffStates: (request) => {
          const { name, place, nextPageToken } = onePage(request);
          const parts = [
            { removed: [name] },
            { changed: [{ address: name, attributes: ["x"], attributesLeftOut: 2 }] },
          ];
          return { difference: parts[place] ?? { outputs: [name] }, nextPageToken };
        },
      })
      .service(VariableService, {
        listEffectiveVariables: (request) => {
          const { name: key, nextPageToken } = onePage(request);
          return {
            variables: [{ variable: { key, value: key, category: VariableCategory.TERRAFORM } }],
            nextPageToken,
          };
        },
      })
      .service(RunService, {
        getRun: () => ({ run: { id: runId, workspace: "net", lost: [lostOf("a")], lostCount: 3 } }),
        getRunPlan: (request) => {
          const { name, nextPageToken } = onePage(request);
          const change = { address: `t.${name}`, action: PlanAction.CREATE };
          return { plan: { engineVersion: "1.11.4", counts: { add: 3 }, resourceChanges: [change] }, nextPageToken };
        },
        listLostResources: (request) => {
          const { name, nextPageToken } = onePage(request);
          return { lostResources: [lostOf(name)], nextPageToken };
        },
      }),
  ).start();
});
afterEach(() => server.stop());

const answer = async (...args: readonly string[]): Promise<string> => {
  const { exit, stdout, stderr } = await runCli(args, {
    environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t", WINDLASS_ORG: "acme" },
  });
  expect([exit, stderr.includes("rror")]).toEqual([0, false]);
  return stdout;
};

test("the outputs of a state are read to the last page", async () => {
  expect(await answer("state", "outputs", stateId)).toBe('a = "a"\nb = "b"\nc = "c"\n');
  expect(await answer("state", "outputs", stateId, "c")).toBe("c\n");
  expect(JSON.parse(await answer("state", "outputs", stateId, "-o", "json")).outputs).toHaveLength(3);
});

test("so are the differences of two states", async () => {
  expect(await answer("state", "diff", stateId, stateId)).toBe("  - a\n  ~ b: x and 2 more\n  outputs: c\n");
});

test("so is a plan", async () => {
  const { resourceChanges, counts } = JSON.parse(await answer("run", "plan", runId, "-o", "json"));
  expect(resourceChanges.map(({ address }: { readonly address: string }) => address)).toEqual(["t.a", "t.b", "t.c"]);
  expect(counts).toMatchObject({ add: 3, destroy: 0 });
});

test("so is what an apply has lost, of which the run tells the first itself", async () => {
  expect(await answer("run", "lost", runId, "-o", "name")).toBe("t.a\nt.b\nt.c\n");
});

test("so are the variables that a run would get", async () => {
  expect(await answer("var", "list", "-w", "net", "--effective", "-o", "name")).toMatch(/a\n.*b\n.*c\n/);
  expect(await answer("var", "export", "-w", "net", "--effective")).toMatch(/^a .*\nb .*\nc .*\n$/);
});
