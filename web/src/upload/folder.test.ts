import { expect, test } from "vitest";
import { type Folder, folderOf, judgeOf, whyUnusable } from "./folder.ts";

const fileOf = (path: string, text = "x"): File =>
  Object.assign(new File([text], path.split("/").at(-1) ?? ""), { webkitRelativePath: path });

test("of a folder stays here what the command line leaves out, and what .terraformignore names is counted", async () => {
  const folder = await folderOf([
    fileOf("net/main.tf"),
    fileOf("net/.terraformignore", "docs/\n*.bak\n!keep.bak\n"),
    fileOf("net/docs/a.md"),
    fileOf("net/x.bak"),
    fileOf("net/keep.bak"),
    fileOf("net/.git/HEAD"),
    fileOf("net/.windlass/config"),
    fileOf("net/.terraform/providers/big"),
    fileOf("net/.terraform/modules/modules.json"),
    fileOf("net/terraform.tfstate"),
    fileOf("net/sub/terraform.tfstate.backup"),
    fileOf("net/.terraform.lock.hcl"),
    fileOf("net/.terraform.tfstate.lock.info"),
    fileOf("net/sub/b.tf"),
  ]);
  expect(folder.name).toBe("net");
  expect(folder.files.map(({ path }) => path)).toEqual([
    ...[".terraform.lock.hcl", ".terraform/modules/modules.json", ".terraformignore", "keep.bak"],
    ...["main.tf", "sub/b.tf"],
  ]);
  expect(folder.ignored).toBe(2);
});

test("a directory that is left out takes what lies below with it, unless a later line brings something back", () => {
  const plain = judgeOf("a/");
  expect(["a/x", "a/b/x", "b/x"].map(plain)).toEqual(["ignored", "ignored", "kept"]);
  const brought = judgeOf("a/\n!a/b/\n");
  expect(["a/x", "a/b/x"].map(brought)).toEqual(["ignored", "kept"]);
});

const folder = (...paths: readonly string[]): Folder => ({
  name: "net",
  files: paths.map((path) => ({ path, file: new Blob(["x"]) })),
  ignored: 0,
});

test.each([
  [folder("main.tf"), "", undefined],
  [folder("main.tofu"), "", undefined],
  [folder("main.tf.json"), "", undefined],
  [folder("README.md", "main.tf.orig"), "", "net holds no .tf files"],
  [folder(), "", "net holds no .tf files"],
  [folder("live/main.tf"), "", "net holds no .tf files itself"],
  [folder("live/main.tf"), "live", undefined],
  [folder("live/main.tf"), "other", "net has no such directory"],
  [folder("live/a/main.tf"), "live", "which holds no .tf files itself"],
  [folder("livelier/main.tf"), "live", "net has no such directory"],
])("%j in %j", (given, workingDirectory, why) => {
  const said = whyUnusable(given, workingDirectory);
  if (why === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(why);
});
