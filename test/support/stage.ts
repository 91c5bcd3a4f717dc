import { afterAll, afterEach, beforeAll, vi } from "vitest";
import { openScene, type Scene, type ServerOptions, type TestServer } from "./scene.ts";

// Each wait has its own, shorter deadline, whose message says what was awaited.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

/** The scene that the tests of a file share. */
export interface Stage {
  readonly scene: Scene;
  readonly server: TestServer;
}

/** Opens a scene with a server for all tests of a file or a `describe`; prints what the programs said when a test fails. */
export function useStage(options: ServerOptions = {}): Stage {
  let opened: { readonly scene: Scene; readonly server: TestServer } | undefined;
  const stage = () => {
    if (opened === undefined) throw new Error("the stage is open only while a test runs");
    return opened;
  };
  beforeAll(async () => {
    const scene = await openScene();
    try {
      opened = { scene, server: await scene.server(options) };
    } catch (error) {
      console.error(scene.report());
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(opened?.scene.report());
  });
  afterAll(() => opened?.scene[Symbol.asyncDispose]());
  return {
    get scene() {
      return stage().scene;
    },
    get server() {
      return stage().server;
    },
  };
}
