import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { armFailpoints } from "./failpoint.ts";

const program = `
  const { armFailpoints, failpoint } = await import(${JSON.stringify(new URL("./failpoint.ts", import.meta.url).href)});
  const problems = armFailpoints(process.env);
  const startedMs = performance.now();
  for (let pass = 1; pass <= 3; pass++) { console.log(pass); failpoint("agent.step-exited"); }
  console.log(JSON.stringify(problems), performance.now() - startedMs > 80);
`;

const runWith = async (env: Readonly<Record<string, string>>) => {
  const call = execa(process.execPath, ["--input-type=module", "-e", program], { env });
  const { stdout, signal } = await call.then(
    (ended) => ({ ...ended, signal: null }),
    (error: { readonly stdout: string; readonly signal: string | null }) => error,
  );
  return { lines: stdout.trim().split("\n"), signal };
};

describe("a failpoint", () => {
  test("does nothing unless it is armed", async () => {
    expect(await runWith({})).toEqual({ lines: ["1", "2", "3", "[] false"], signal: null });
  });

  test("ends the process at the pass it was armed for", async () => {
    const env = { WINDLASS_FAILPOINTS: "agent.step-exited=die@2", WINDLASS_FAILPOINTS_ENABLED: "1" };
    expect(await runWith(env)).toEqual({ lines: ["1", "2"], signal: "SIGKILL" });
  });

  test("holds the process up once", async () => {
    const env = { WINDLASS_FAILPOINTS: "agent.step-exited=stall:100", WINDLASS_FAILPOINTS_ENABLED: "1" };
    expect(await runWith(env)).toEqual({ lines: ["1", "2", "3", "[] true"], signal: null });
  });

  test("is refused without the second variable, and when nobody knows it", () => {
    expect(armFailpoints({ WINDLASS_FAILPOINTS: "agent.step-exited=die" })).toEqual([
      "WINDLASS_FAILPOINTS is for tests only: unset it, or set WINDLASS_FAILPOINTS_ENABLED=1 as well",
    ]);
    const enabled = { WINDLASS_FAILPOINTS_ENABLED: "1" };
    expect(armFailpoints({ ...enabled, WINDLASS_FAILPOINTS: "agent.step=die,server.before-commit=explode" })).toEqual([
      "WINDLASS_FAILPOINTS: agent.step=die names no failpoint",
      "WINDLASS_FAILPOINTS: server.before-commit=explode names no failpoint",
    ]);
  });
});
