import { describe, expect, test } from "vitest";
import { applyArgv, initArgv, type PlanOptions, planArgv, showPlanArgv } from "./argv.ts";

const base = ["plan", "-input=false", "-no-color", "-detailed-exitcode", "-out=/job/plan"];
const options: ReadonlyArray<readonly [string, Omit<PlanOptions, "out">, readonly string[]]> = [
  ["nothing special", {}, []],
  ["destroy", { destroy: true }, ["-destroy"]],
  ["refresh", { refresh: true }, []],
  ["no refresh", { refresh: false }, ["-refresh=false"]],
  ["refresh-only", { refreshOnly: true }, ["-refresh-only"]],
  ["targets", { targets: ["a.b", 'a.c["x y"]'] }, ["-target=a.b", '-target=a.c["x y"]']],
  ["a target that looks like a flag", { targets: ["-destroy"] }, ["-target=-destroy"]],
  ["excludes", { excludes: ["a.b", "-c"] }, ["-exclude=a.b", "-exclude=-c"]],
  ["replace", { replace: ["a.b[0]"] }, ["-replace=a.b[0]"]],
  ["variables", { varFiles: ["/v/a.json", "/v/b"] }, ["-var-file=/v/a.json", "-var-file=/v/b"]],
  ["parallelism", { parallelism: 3 }, ["-parallelism=3"]],
  [
    "a destroy of one target without refresh",
    { destroy: true, refresh: false, targets: ["a.b"], parallelism: 1 },
    ["-destroy", "-refresh=false", "-target=a.b", "-parallelism=1"],
  ],
];

describe("arguments", () => {
  test.each(options)("of a plan with %s", (_, asked, added) => {
    expect(planArgv({ out: "/job/plan", ...asked })).toEqual([...base, ...added]);
  });

  test.each<readonly [Omit<PlanOptions, "out">, RegExp]>([
    [{ refreshOnly: true, destroy: true }, /refresh-only and destroy/],
    [{ refreshOnly: true, refresh: false }, /refresh-only and refresh=false/],
    [{ refreshOnly: true, replace: ["a.b"] }, /refresh-only and replace/],
    [{ targets: ["a.b"], excludes: ["a.c"] }, /target and exclude/],
    [{ excludes: ["a\u0000b"] }, /not a resource address/],
    [{ parallelism: 0 }, /1 to 256/],
    [{ parallelism: 1.5 }, /1 to 256/],
    [{ targets: [""] }, /not a resource address/],
    [{ replace: ["a\nb"] }, /not a resource address/],
  ])("of a plan with %j are refused", (asked, why) => {
    expect(() => planArgv({ out: "p", ...asked })).toThrow(why);
  });

  test("of init, apply and show", () => {
    expect(initArgv()).toEqual(["init", "-input=false", "-no-color"]);
    expect(initArgv({ lockFileReadonly: true })).toEqual(["init", "-input=false", "-no-color", "-lockfile=readonly"]);
    expect(applyArgv({ plan: "/p" })).toEqual(["apply", "-input=false", "-json", "/p"]);
    expect(applyArgv({ plan: "/p", parallelism: 20 })).toEqual([
      "apply",
      "-input=false",
      "-json",
      "-parallelism=20",
      "/p",
    ]);
    const forgetting = applyArgv({ plan: "/p", suppressForgetErrors: true });
    expect(forgetting).toEqual(["apply", "-input=false", "-json", "-suppress-forget-errors", "/p"]);
    expect(showPlanArgv("/p")).toEqual(["show", "-json", "/p"]);
    expect(() => applyArgv({ plan: "-destroy" })).toThrow(/cannot be a plan's path/);
  });
});
