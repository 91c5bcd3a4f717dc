import { describe } from "vitest";
import type { Bubblewrap } from "../../../src/agent/sandbox/bubblewrap.ts";
import { chooseSandbox } from "../../../src/agent/sandbox/choose-sandbox.ts";
import { readEnvironment } from "../../../src/lib/environment.ts";

const { PATH = "", CI = "" } = readEnvironment();
const choice = await chooseSandbox("bwrap", PATH);
if (choice.kind === "unusable") console.warn(`SKIPPED: tests of the sandbox: ${choice.why}`);

/** The sandbox of this machine; only valid inside `describeWithSandbox`. */
export const bwrapHere: Bubblewrap =
  choice.kind === "chosen" && choice.sandbox.kind === "bwrap" ? choice.sandbox : { program: "bwrap", extras: [] };

/** Tests that run bubblewrap: skipped, and seen to be, where it does not work; failing in CI. */
export const describeWithSandbox: typeof describe | typeof describe.skip =
  choice.kind === "unusable" && CI === "" ? describe.skip : describe;

/** For `describe.each`: what agents of this machine can be told with --sandbox. */
export const sandboxesHere: readonly ("none" | "auto")[] =
  choice.kind === "unusable" && CI === "" ? ["none"] : ["none", "auto"];
