import { expect, test } from "vitest";
import { commandOf, emptyForm, formProblems, optionsOf } from "./run-options.ts";

test("an empty form asks for an ordinary run", () => {
  expect(optionsOf(emptyForm)).toMatchObject({ planOnly: false, destroy: false, targets: [], variables: [] });
  expect(optionsOf(emptyForm)).not.toHaveProperty("autoApply");
  expect(optionsOf(emptyForm)).not.toHaveProperty("refresh");
  expect(commandOf(emptyForm, "network", "")).toBe("windlass run start network --cv latest");
});

test("every field is in the request and in the command", () => {
  const form = {
    ...emptyForm,
    ...({ mode: "destroy", autoApply: "no", priority: "high" } as const),
    ...{ message: "it's over", targets: ' a.b \n\nmodule.m["x"].c', replacements: "a.r", excludes: "a.e" },
    ...{ variables: "name=a = b\nlist:= [1, 2]", refreshes: false, allowsEmptyApply: true, isDebug: true },
    ...{ generatesConfiguration: true, suppressesForgetErrors: true, parallelism: "3", queueMinutes: "30" },
  };
  expect(optionsOf(form)).toEqual({
    ...{ planOnly: false, savePlan: false, destroy: true, refreshOnly: false },
    ...{ targets: ["a.b", 'module.m["x"].c'], replacements: ["a.r"], excludes: ["a.e"] },
    variables: [
      { key: "name", value: "a = b", hcl: false },
      { key: "list", value: "[1, 2]", hcl: true },
    ],
    ...{ allowEmptyApply: true, generateConfiguration: true, suppressForgetErrors: true, debug: true, parallelism: 3 },
    ...{ engineVersion: "", autoApply: false, refresh: false, queueTimeout: { seconds: 1800n } },
  });
  expect(commandOf(form, "network", "cv_1")).toBe(
    "windlass run start network --cv cv_1 --destroy -m 'it'\\''s over' --target a.b --target 'module.m[\"x\"].c' --replace a.r --exclude a.e " +
      "--var 'name=a = b' --var-hcl 'list=[1, 2]' --auto-apply=false --refresh=false --allow-empty-apply --generate-config " +
      "--suppress-forget-errors --trace --parallelism 3 --priority high --queue-timeout 30m",
  );
});

test("what cannot be read is told beside its field", () => {
  expect(formProblems({ ...emptyForm, variables: "a=1\nno value", parallelism: "x", queueMinutes: "1.5" })).toEqual({
    variables: '"no value" is neither name=value nor name:=expression',
    parallelism: "A whole number, or nothing",
    queueMinutes: "A whole number of minutes, or nothing",
  });
  expect(formProblems(emptyForm)).toEqual({});
});
