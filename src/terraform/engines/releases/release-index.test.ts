import { describe, expect, test } from "vitest";
import { parseVersionConstraint } from "../../../lib/words/version-constraint.ts";
import { checksumIn } from "./checksums.ts";
import { platformName, platformOf, signatureNames } from "./release.ts";
import { isVersion, newestAllowed, versionsIn } from "./release-index.ts";
import { mayFollow, shown, sourceOf } from "./release-source.ts";

const list = (value: unknown) => Buffer.from(JSON.stringify(value));

describe("a list of releases", () => {
  test("is read in HashiCorp's form and in OpenTofu's; what is no version is passed over", () => {
    const hashicorp = list({
      name: "terraform",
      versions: { "1.11.4": { builds: [] }, "1.12.0-rc1": {}, "../../etc": {} },
    });
    expect(versionsIn(hashicorp, "here")).toEqual(["1.11.4", "1.12.0-rc1"]);
    const openTofu = list({
      versions: [
        { id: "1.8.0", files: ["tofu_1.8.0_SHA256SUMS"] },
        { id: "v1.9.0", files: [] },
      ],
    });
    expect(versionsIn(openTofu, "here")).toEqual(["1.8.0"]);
  });

  test.each([Buffer.from("<html>"), list([]), list({ versions: "1.2.3" }), list({ versions: [{ name: "1.0.0" }] })])(
    "that is none is refused, named: %s",
    (bytes) => {
      expect(() => versionsIn(bytes, "https://m/index.json")).toThrow(
        /https:\/\/m\/index\.json is no list of releases/,
      );
    },
  );

  test.each([
    ["", "1.12.1"],
    ["~> 1.11.0", "1.11.10"],
    [">= 1.5, < 1.11", "1.10.0"],
    ["!= 1.12.1", "1.11.10"],
    [">= 1.13.0-beta1", "1.13.0-rc2"],
    ["= 1.13.0-beta1", "1.13.0-beta1"],
    ["~> 2.0", undefined],
    ["1.11", "1.11.10"],
    ["v1.11", "1.11.10"],
    ["1", "1.12.1"],
    ["1.13", undefined],
    ["= 1.10", "1.10.0"],
    ["= 1.11", undefined],
    ["~> 1.10", "1.12.1"],
    ["1.1", undefined],
    ["1.11, < 1.11.10", "1.11.9"],
    ["1.11.x", "unreadable"],
    ["01.11", "unreadable"],
  ])("%j chooses %s: the newest that fits, and no pre-release that nobody asked for", (text, expected) => {
    const versions = ["1.9.9", "1.10.0", "1.11.9", "1.11.10", "1.12.1", "1.13.0-beta1", "1.13.0-rc2"];
    const constraint = parseVersionConstraint(text);
    expect(constraint === undefined ? "unreadable" : newestAllowed(versions, constraint)).toBe(expected);
  });

  test("an exact version is one, whatever the list says", () => {
    const exact = (text: string) => parseVersionConstraint(text)?.exact;
    expect(["1.11.4", "= 1.11", "v1.2.3", "1.12.0-rc1"].map(exact)).toEqual([
      "1.11.4",
      "1.11.0",
      "1.2.3",
      "1.12.0-rc1",
    ]);
    expect(["~> 1.11.4", ">= 1.2", "1.2.3, 1.2.4", "", "1.11"].map(exact)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(["1.2", "1.2.3+build", "1.2.3/x", ""].filter(isVersion)).toEqual([]);
  });
});

describe("a list of checksums", () => {
  const [a, b] = ["a".repeat(64), "b".repeat(64)];

  test("names the sum of a file, also as sha256sum writes it for binary files", () => {
    expect(checksumIn(`${a}  x.zip\n${b} *y.zip\r\n\n`, "x.zip", "SUMS")).toBe(a);
    expect(checksumIn(`${a}  x.zip\n${b} *y.zip\r\n\n`, "y.zip", "SUMS")).toBe(b);
    expect(checksumIn(`${a}  x.zip\n`, "z.zip", "SUMS")).toBeUndefined();
  });

  test.each([
    [`${a}  x.zip\n${b}  x.zip\n`, "two checksums of x.zip"],
    [`${a.slice(1)}  x.zip\n`, "is no checksum"],
    [`${a.toUpperCase()}  x.zip\n`, "is no checksum"],
    ["<html>\n", "is no checksum"],
  ])("that is damaged or ambiguous is refused: %j", (text, why) => {
    expect(() => checksumIn(text, "x.zip", "SUMS")).toThrow(why);
  });
});

describe("where releases are", () => {
  test("the vendors' places, unless there is a mirror, which has one layout for both", () => {
    const file = (mirror?: string) =>
      (["terraform", "tofu"] as const).flatMap((engine) => {
        const source = sourceOf(engine, mirror);
        return [source.index.href, source.file("1.8.0", `${engine}_1.8.0_SHA256SUMS`).href];
      });
    expect(file()).toEqual([
      "https://releases.hashicorp.com/terraform/index.json",
      "https://releases.hashicorp.com/terraform/1.8.0/terraform_1.8.0_SHA256SUMS",
      "https://get.opentofu.org/tofu/api.json",
      "https://github.com/opentofu/opentofu/releases/download/v1.8.0/tofu_1.8.0_SHA256SUMS",
    ]);
    expect(file("https://m.example.com/engines/")).toEqual([
      "https://m.example.com/engines/terraform/index.json",
      "https://m.example.com/engines/terraform/1.8.0/terraform_1.8.0_SHA256SUMS",
      "https://m.example.com/engines/tofu/index.json",
      "https://m.example.com/engines/tofu/1.8.0/tofu_1.8.0_SHA256SUMS",
    ]);
  });

  test("signatures have their vendors' names", () => {
    const release = { version: "1.8.0", platform: "linux_amd64" };
    expect(signatureNames({ engine: "terraform", ...release })[0]).toBe("terraform_1.8.0_SHA256SUMS.sig");
    expect(signatureNames({ engine: "tofu", ...release })).toEqual(["tofu_1.8.0_SHA256SUMS.gpgsig"]);
  });

  test("a machine that nobody builds for has no name", () => {
    expect([platformOf("linux", "x64"), platformOf("linux", "arm64")]).toEqual(["linux_amd64", "linux_arm64"]);
    expect([platformOf("aix", "x64"), platformOf("linux", "riscv64")]).toEqual([undefined, undefined]);
    expect([platformName("darwin", "arm64"), platformName("linux", "riscv64")]).toEqual([
      ...["darwin_arm64", "linux_riscv64"],
    ]);
  });

  test("user and password of an address are never shown", () => {
    expect(shown(new URL("https://me:secret@m.example.com/x"))).toBe("https://m.example.com/x");
    expect(sourceOf("tofu", "https://me:secret@m.example.com/x/").name).toBe("https://m.example.com/x");
  });

  test.each([
    ["https://m/a", "https://n/b", true],
    ["https://m/a", "http://n/b", false],
    ["https://m/a", "http://127.0.0.1:8/b", true],
    ["http://m/a", "http://n/b", true],
    ["http://m/a", "file:///etc/passwd", false],
  ])("from %s to %s: followed is %s", (from, to, expected) => {
    expect(mayFollow(new URL(from), new URL(to))).toBe(expected);
  });
});
