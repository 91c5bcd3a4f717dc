import type { MessageInitShape } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { VariableCategory, type VariableSchema } from "../src/gen/windlass/v1/variable_pb.ts";
import { useStage } from "./support/stage.ts";

describe("variable sets", () => {
  const stage = useStage();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, sandbox: "auto" });
  });

  const sets = () => stage.server.api.clients.variableSets;
  const create = (name: string, isGlobal = false) => sets().createVariableSet({ variableSet: { name, isGlobal } });
  const fill = (variableSet: string, variable: MessageInitShape<typeof VariableSchema>) =>
    stage.server.api.clients.variables.setVariables({ variableSet, variables: [variable] });

  async function workspaceWith(configuration: string): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration(configuration));
    return workspace;
  }

  test("reach terraform below the workspace's variables and above those of global sets", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("hello");
    const greeting = async (options = {}) => {
      expect(await api.applied(workspace, options)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
      return (await api.outputs(workspace)).greeting;
    };
    await create("everywhere", true);
    await fill("everywhere", { key: "who", value: "global" });
    expect(await greeting()).toBe("hello, global");
    for (const name of ["set-b", "set-a"]) {
      await create(name);
      await fill(name, { key: "who", value: name });
      await sets().attachVariableSet({ variableSet: name, workspaces: [workspace] });
    }
    expect(await greeting()).toBe("hello, set-a");
    await api.set(workspace, [{ key: "who", value: "own" }]);
    expect(await greeting()).toBe("hello, own");
    expect(await greeting({ variables: [{ key: "who", value: "run" }] })).toBe("hello, run");
    await api.clients.variables.deleteVariable({ workspace, key: "who" });
    await sets().detachVariableSet({ variableSet: "set-a", workspaces: [workspace] });
    expect(await greeting()).toBe("hello, set-b");
    await sets().deleteVariableSet({ variableSet: "set-b" });
    expect(await greeting()).toBe("hello, global");
  });

  test("keep sensitive values from everybody but terraform", async () => {
    const { api } = stage.server;
    const workspace = await workspaceWith("environment");
    const secret = "a-secret-of-a-set";
    await create("keys");
    await fill("keys", { key: "HIDDEN", value: secret, category: VariableCategory.ENV, sensitive: true });
    await sets().attachVariableSet({ variableSet: "keys", workspaces: [workspace] });
    await api.set(workspace, [{ key: "TF_VAR_from_environment", value: "x", category: VariableCategory.ENV }]);
    const run = await api.applied(workspace);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect(await api.wholeLog(run.id)).not.toContain(secret);
    const { variables } = api.clients;
    const answers = [
      await variables.listVariables({ variableSet: "keys" }),
      await variables.listEffectiveVariables({ workspace }),
    ];
    for (const answer of answers) {
      expect(JSON.stringify(answer, (_key, value) => (typeof value === "bigint" ? String(value) : value))).toMatch(
        /HIDDEN(?!.*a-secret-of-a-set)/,
      );
    }
  });
});
