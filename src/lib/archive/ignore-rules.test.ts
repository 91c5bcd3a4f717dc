import { describe, expect, test } from "vitest";
import { ignoreRules } from "./ignore-rules.ts";

const keeps = (text: string, paths: readonly string[]): readonly string[] => {
  const judge = ignoreRules(text, []);
  return paths.filter((path) => judge(path).kind === "kept");
};

describe(".terraformignore is read as HCP Terraform's uploader reads it", () => {
  test.each([
    ["a negated directory brings back all below it", "*\n!infra/\n*.md", ["infra/", "infra/main.tf", "infra/a/b.tf"]],
    ["a negated ** does the same", "*\n!infra/**", ["infra/", "infra/main.tf", "infra/a/b.tf", "infra/x.md"]],
    ["a directory counts at any depth", "a/", ["infra/", "infra/main.tf", "infra/x.md", "top.tf", "b/"]],
    [
      "a leading slash is the root",
      "/top.tf\n/a/b.tf",
      ["infra/", "infra/main.tf", "infra/a/b.tf", "infra/x.md", "b/"],
    ],
    [
      "a slash in the middle does not make it the root's",
      "a/b.tf",
      ["infra/", "infra/main.tf", "infra/x.md", "top.tf", "b/"],
    ],
    [
      "comments, blanks, line ends and a byte order mark",
      "\ufeff# x\r\n\r\n  *.md  \r\n",
      ["infra/", "infra/main.tf", "infra/a/b.tf", "top.tf", "b/"],
    ],
    [
      "** in the middle is any number of directories",
      "infra/**/b.tf",
      ["infra/", "infra/main.tf", "infra/x.md", "top.tf", "b/"],
    ],
    ["a class", "[t-z]*.??", ["infra/", "infra/main.tf", "infra/a/b.tf", "b/"]],
    ["an escaped mark", "\\#x\nto\\p.tf", ["infra/", "infra/main.tf", "infra/a/b.tf", "infra/x.md", "b/"]],
  ])("%s", (_rule, text, kept) => {
    expect(keeps(text, ["infra/", "infra/main.tf", "infra/a/b.tf", "infra/x.md", "top.tf", "b/"])).toEqual(kept);
  });

  test("what stands for itself in a pattern stands for itself", () => {
    expect(keeps("a+(b).{1}|^$.tf", ["a+(b).{1}|^$.tf", "aab1.tf"])).toEqual(["aab1.tf"]);
    expect(keeps("[x", ["[x", "x"])).toEqual(["x"]);
  });

  test("the last line that matches decides, and says whose it is", () => {
    const judge = ignoreRules("!keep/.git/\nsecret/", ["**/.git/", "!**/modules/"]);
    expect(judge("x/.git/")).toEqual({ kind: "left_out", isOwn: false, mayHoldKept: true });
    expect(judge("keep/.git/config")).toEqual({ kind: "kept" });
    expect(judge("secret/")).toEqual({ kind: "left_out", isOwn: true, mayHoldKept: false });
  });
});
