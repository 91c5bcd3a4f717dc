import { test } from "vitest";
import { programPath } from "../support/programs.ts";
import { conformanceMs, expectConformance } from "./expect-conformance.ts";

test("windlass-agent keeps every rule of the agents' protocol", { timeout: conformanceMs }, () =>
  expectConformance(programPath("windlass-agent")),
);
