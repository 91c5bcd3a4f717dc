import { describe } from "vitest";
import { readEnvironment } from "../../lib/environment.ts";
import { chooseSandbox } from "../sandbox/choose-sandbox.ts";

const { PATH = "", CI = "" } = readEnvironment();
const choice = await chooseSandbox("bwrap", PATH);
if (choice.kind === "unusable") console.warn(`SKIPPED: tests of the sandbox: ${choice.why}`);

/** The sandbox of this machine; only valid inside `describeWithSandbox`. */
export const bwrapProgram =
  choice.kind === "chosen" && choice.sandbox.kind === "bwrap" ? choice.sandbox.program : "bwrap";

/** Tests that run bubblewrap: skipped, and seen to be, where it does not work; failing in CI. */
export const describeWithSandbox: typeof describe | typeof describe.skip =
  choice.kind === "unusable" && CI === "" ? describe.skip : describe;
