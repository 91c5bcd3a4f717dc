import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  detachedSignature,
  herePlatform,
  type ReleaseKey,
  ReleaseMirror,
  releaseKey,
  sha256,
  versionScript,
} from "../../../test/support/release-mirror.ts";
import { zipOf } from "../../../test/support/zip.ts";
import { systemClock } from "../../lib/clock.ts";
import { type LogFields, memoryLog } from "../../lib/program/log.ts";
import { systemRandom } from "../../lib/random.ts";
import { EngineStore, type EngineStoreOptions } from "./engine-store.ts";

let key: ReleaseKey;
let held: AsyncDisposableStack;
let mirror: ReleaseMirror;
let dir = "";
let records: LogFields[];
beforeAll(async () => {
  key = await releaseKey("Our Releases");
});
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await mkdtemp(join(tmpdir(), "windlass-engines-"));
  held.defer(() => rm(dir, { recursive: true, force: true }));
  mirror = held.use(await ReleaseMirror.open());
  records = [];
});
afterEach(() => held.disposeAsync());

/** A store of the one cache; pauses between attempts are short. */
function storeOf(more: Partial<EngineStoreOptions> = {}): EngineStore {
  const { log, records: written } = memoryLog();
  records = written as LogFields[];
  const options: EngineStoreOptions = {
    cacheDir: join(dir, "engines"),
    searchPath: join(dir, "bin"),
    downloads: { mirror: mirror.url, keys: key.armored },
    clock: systemClock,
    random: { ...systemRandom, fraction: () => 0.005 },
    log,
    ...more,
  };
  return held.use(new EngineStore(options));
}

const publish = (version: string, engine: "terraform" | "tofu" = "terraform") =>
  mirror.publish({ engine, version, key, program: versionScript(version) });

const find = (versionConstraint: string, store = storeOf(), engine: "terraform" | "tofu" = "terraform") =>
  store.find({ engine, versionConstraint }, new AbortController().signal);

const zipOfVersion = (version: string) => `/terraform/${version}/terraform_${version}_${herePlatform}.zip`;

async function install(version: string): Promise<string> {
  await mkdir(join(dir, "bin"), { recursive: true });
  await writeFile(join(dir, "bin/terraform"), versionScript(version), { mode: 0o755 });
  return join(dir, "bin/terraform");
}

const cacheEntries = () => readdir(join(dir, "engines")).catch(() => []);

describe("a program that the machine lacks", () => {
  test("is downloaded, verified and cached; the run reads from where, with which hash, signed by whom", async () => {
    await publish("1.2.3");
    const found = await find("1.2.3");
    const zip = mirror.files.get(zipOfVersion("1.2.3")) ?? Buffer.alloc(0);
    expect(found).toEqual({
      kind: "found",
      version: "1.2.3",
      file: join(dir, "engines", sha256(zip), "terraform"),
      notes: [
        `downloading terraform 1.2.3 (${herePlatform}) from ${mirror.url}`,
        expect.stringMatching(
          new RegExp(
            `^verified terraform_1.2.3_${herePlatform}.zip: SHA-256 ${sha256(zip)}, in a list signed by Our Releases \\([0-9A-F]{40}\\)$`,
          ),
        ),
      ],
    });
    expect(await readFile(found.kind === "found" ? found.file : "")).toEqual(versionScript("1.2.3"));
    expect(mirror.asked).not.toContain("/terraform/index.json");
    expect(await cacheEntries()).toEqual([sha256(zip)]);
  });

  test("is told to all who wait for it, with how far it is, whenever they come", async () => {
    await publish("1.2.3");
    const path = zipOfVersion("1.2.3");
    const zip = Buffer.concat([mirror.files.get(path) ?? Buffer.alloc(0), Buffer.alloc(2_500_000)]);
    const hasBegun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    mirror.answers.set(path, (_request, response) => {
      response.writeHead(200, { "content-length": zip.length });
      response.write(zip.subarray(0, 2_100_000));
      void goOn.promise.then(() => response.end(zip.subarray(2_100_000)));
    });
    const [first, second]: [string[], string[]] = [[], []];
    const store = storeOf();
    const wait = (told: string[]) =>
      store.find(
        {
          ...{ engine: "terraform", versionConstraint: "1.2.3" },
          onDoing: (doing) => {
            told.push(doing);
            if (doing.endsWith("(2 of 2 MB)")) hasBegun.resolve();
          },
        },
        new AbortController().signal,
      );
    const answers = [wait(first)];
    await hasBegun.promise;
    answers.push(wait(second));
    goOn.resolve();
    await Promise.all(answers);
    const doing = `downloads terraform 1.2.3 from ${mirror.url}`;
    expect(first.slice(0, 3)).toEqual([`looks for terraform 1.2.3 at ${mirror.url}`, doing, `${doing} (0 of 2 MB)`]);
    expect(second[0]).toBe(`${doing} (2 of 2 MB)`);
  });

  test("comes from the cache the next time, also where downloads are off, and says so", async () => {
    await publish("1.2.3");
    await find("1.2.3");
    const asked = mirror.asked.length;
    const again = await find("~> 1.2", held.use(new EngineStore(offline())));
    expect(again).toMatchObject({ kind: "found", version: "1.2.3" });
    expect(again.notes).toEqual([
      expect.stringMatching(
        /^terraform 1.2.3 is from the agent's cache: downloaded from .*SHA-256 [0-9a-f]{64}, signed by Our/,
      ),
    ]);
    expect(mirror.asked).toHaveLength(asked);
  });

  test("is not downloaded when one on the path fits, and comes before the cache", async () => {
    await publish("1.2.3");
    await find("1.2.3");
    const file = await install("1.2.0");
    expect(await find("~> 1.2")).toEqual({ kind: "found", file, version: "1.2.0", notes: [] });
    expect(await find("1.2.3")).toMatchObject({ kind: "found", version: "1.2.3" });
  });

  test("is the newest release that fits a constraint, and tofu has a place of its own", async () => {
    for (const version of ["1.2.3", "1.2.10", "1.3.0", "1.2.11-rc1"]) await publish(version);
    await publish("1.8.5", "tofu");
    expect(await find("~> 1.2.0")).toMatchObject({ kind: "found", version: "1.2.10" });
    const tofu = await find("", storeOf(), "tofu");
    expect(tofu).toMatchObject({ kind: "found", version: "1.8.5", file: expect.stringMatching(/\/tofu$/) });
    expect(mirror.asked).toContain("/tofu/1.8.5/tofu_1.8.5_SHA256SUMS.gpgsig");
  });

  test("is downloaded once for all that ask at once, and goes on when the first of them leaves", async () => {
    await publish("1.2.3");
    const release = Promise.withResolvers<void>();
    const zip = mirror.files.get(zipOfVersion("1.2.3"));
    mirror.answers.set(
      zipOfVersion("1.2.3"),
      (_request, response) => void release.promise.then(() => response.end(zip)),
    );
    const store = storeOf();
    const leaving = new AbortController();
    const first = store.find({ engine: "terraform", versionConstraint: "1.2.3" }, leaving.signal);
    const others = [find("1.2.3", store), find("1.2.3", store)];
    leaving.abort(new Error("given up"));
    await expect(first).rejects.toThrow("given up");
    release.resolve();
    for (const other of await Promise.all(others)) expect(other).toMatchObject({ kind: "found", version: "1.2.3" });
    expect(mirror.asked.filter((path) => path.endsWith(".zip"))).toHaveLength(1);
  });

  test("may be downloaded by several agents into one cache at once", async () => {
    await publish("1.2.3");
    const answers = await Promise.all(Array.from({ length: 5 }, () => find("1.2.3", storeOf())));
    expect(new Set(answers.map((answer) => (answer.kind === "found" ? answer.file : answer.message))).size).toBe(1);
    expect(await cacheEntries()).toHaveLength(1);
  });

  test("ends with its store", async () => {
    await publish("1.2.3");
    const asked = Promise.withResolvers<void>();
    mirror.answers.set(zipOfVersion("1.2.3"), () => asked.resolve());
    const store = storeOf();
    const finding = find("1.2.3", store);
    finding.catch(() => {});
    await asked.promise;
    await store[Symbol.asyncDispose]();
    await expect(finding).rejects.toThrow("the agent stops");
    expect(await cacheEntries()).toEqual([]);
  });

  test("is downloaded again when the cached one was changed", async () => {
    await publish("1.2.3");
    const first = await find("1.2.3");
    const file = first.kind === "found" ? first.file : "";
    await chmod(file, 0o755);
    await writeFile(file, "#!/bin/sh\necho evil\n");
    const again = await find("1.2.3");
    expect(again).toMatchObject({ kind: "found", file });
    expect(await readFile(file)).toEqual(versionScript("1.2.3"));
    expect(records).toContainEqual(expect.objectContaining({ level: "error", file }));
  });
});

const offline = (): EngineStoreOptions => ({
  cacheDir: join(dir, "engines"),
  searchPath: join(dir, "bin"),
  clock: systemClock,
  random: systemRandom,
  log: memoryLog().log,
});

describe("nothing is used that was not verified", () => {
  /** Expects a refusal for the run, and nothing left in the cache. */
  async function refusal(versionConstraint = "1.2.3"): Promise<string> {
    const found = await find(versionConstraint);
    expect(found).toMatchObject({ kind: "missing" });
    expect(await cacheEntries()).toEqual([]);
    return found.kind === "found" ? "" : found.message;
  }

  test("a signature of an unknown key is refused, and names the keys", async () => {
    const stranger = await releaseKey("Stranger");
    await mirror.publish({ engine: "terraform", version: "1.2.3", key: stranger, program: versionScript("1.2.3") });
    const message = await refusal();
    expect(message).toMatch(
      /^the workspace asks for terraform 1.2.3, this agent has none that works, and it could not be downloaded: /,
    );
    expect(message).toContain(`key ${stranger.privateKey.getKeyID().toHex().toUpperCase()} is not trusted`);
    expect(message).toContain("HashiCorp Security (C874011F0AB405110D02105534365D9472D7468F)");
    expect(message).toContain("--engine-keys");
    expect(mirror.asked.filter((path) => path.endsWith(".zip"))).toEqual([]);
  });

  test("an expired key is refused", async () => {
    const expired = await releaseKey("Old", { date: new Date(Date.UTC(2020, 0, 1)), lifeMs: 86_400_000 });
    await publish("1.2.3");
    const sums = Buffer.from(mirror.files.get("/terraform/1.2.3/terraform_1.2.3_SHA256SUMS") ?? []).toString();
    mirror.files.set(
      "/terraform/1.2.3/terraform_1.2.3_SHA256SUMS.sig",
      await detachedSignature(sums, expired, new Date(Date.UTC(2020, 0, 1, 12))),
    );
    const found = await find("1.2.3", storeOf({ downloads: { mirror: mirror.url, keys: expired.armored } }));
    expect(found).toMatchObject({
      kind: "missing",
      message: expect.stringMatching(/key Old \([0-9A-F]{40}\) has expired on 2020-01-02/),
    });
  });

  test("a release without a signature is refused; one under the name of HashiCorp's key counts", async () => {
    await publish("1.2.3");
    const path = "/terraform/1.2.3/terraform_1.2.3_SHA256SUMS";
    const signature = mirror.files.get(`${path}.sig`) ?? Buffer.alloc(0);
    mirror.files.delete(`${path}.sig`);
    expect(await refusal()).toContain("terraform_1.2.3_SHA256SUMS.sig: does not exist");
    mirror.files.set(`${path}.72D7468F.sig`, signature);
    expect(await find("1.2.3")).toMatchObject({ kind: "found" });
  });

  test("checksums that were changed after they were signed are refused", async () => {
    await publish("1.2.3");
    mirror.files.set(
      "/terraform/1.2.3/terraform_1.2.3_SHA256SUMS",
      Buffer.from(`${"0".repeat(64)}  terraform_1.2.3_${herePlatform}.zip\n`),
    );
    expect(await refusal()).toContain("it does not match");
  });

  test("another zip than the signed one is refused, with both hashes", async () => {
    await publish("1.2.3");
    const right = sha256(mirror.files.get(zipOfVersion("1.2.3")) ?? Buffer.alloc(0));
    const other = zipOf([{ name: "terraform", content: Buffer.from("#!/bin/sh\necho evil") }]);
    mirror.files.set(zipOfVersion("1.2.3"), other);
    expect(await refusal()).toContain(`expected SHA-256 ${right} as signed, got ${sha256(other)}`);
  });

  test("a zip that is cut short by the mirror is refused", async () => {
    await publish("1.2.3");
    const zip = Buffer.from(mirror.files.get(zipOfVersion("1.2.3")) ?? []);
    mirror.files.set(zipOfVersion("1.2.3"), zip.subarray(0, 50));
    expect(await refusal()).toContain("the mirror serves another file");
  });

  test("a signed list of another version does not do: names hold the version", async () => {
    await publish("1.2.2");
    await publish("1.2.3");
    for (const end of ["", ".sig"]) {
      const old = mirror.files.get(`/terraform/1.2.2/terraform_1.2.2_SHA256SUMS${end}`);
      mirror.files.set(`/terraform/1.2.3/terraform_1.2.3_SHA256SUMS${end}`, old ?? Buffer.alloc(0));
    }
    expect(await refusal()).toContain(
      `terraform 1.2.3 is not published for ${herePlatform}: its list has no terraform_1.2.3_${herePlatform}.zip`,
    );
  });

  test("a program that is another version than its zip, or does not run, is refused", async () => {
    await mirror.publish({ engine: "terraform", version: "1.2.3", key, program: versionScript("1.2.4") });
    expect(await refusal()).toContain("the downloaded program says that it is 1.2.4: expected version 1.2.3");
    await mirror.publish({ engine: "terraform", version: "1.2.5", key, program: Buffer.from("\x7fELF not for here") });
    expect(await refusal("1.2.5")).toMatch(/the downloaded program cannot be run .*: expected version 1.2.5/);
  });

  test("a version that does not exist is named, with the place", async () => {
    await publish("1.2.3");
    expect(await refusal("1.2.4")).toContain(
      `terraform 1.2.4 is not published at ${mirror.url}: ${mirror.url}/terraform/1.2.4/terraform_1.2.4_SHA256SUMS does not exist`,
    );
    expect(await refusal("~> 3.0")).toContain("has no release of terraform that fits ~> 3.0");
    mirror.files.delete("/terraform/index.json");
    expect(await refusal("~> 1.0")).toContain(`the list of releases ${mirror.url}/terraform/index.json does not exist`);
  });

  test("keys that cannot be read stop a download", async () => {
    await publish("1.2.3");
    const found = await find("1.2.3", storeOf({ downloads: { mirror: mirror.url, keys: "nothing" } }));
    expect(found).toMatchObject({ kind: "missing", message: expect.stringContaining("--engine-keys cannot be used") });
  });
});

describe("a mirror that fails", () => {
  test("for a moment is asked again", async () => {
    await publish("1.2.3");
    let failures = 2;
    const zip = mirror.files.get(zipOfVersion("1.2.3"));
    mirror.answers.set(zipOfVersion("1.2.3"), (_request, response) => {
      if (failures-- > 0) response.writeHead(200, { "content-length": 5000 }).write("PK");
      else response.end(zip);
      if (failures >= 0) setImmediate(() => response.destroy());
    });
    expect(await find("1.2.3")).toMatchObject({ kind: "found", version: "1.2.3" });
  });

  test("for longer is an error of the run, with what the machine has", async () => {
    await install("1.1.0");
    mirror.answers.set("/terraform/index.json", (_request, response) => response.writeHead(503).end());
    const found = await find(">= 2.0");
    expect(found).toMatchObject({
      kind: "missing",
      message: `the workspace asks for terraform >= 2.0, this agent has 1.1.0, and it could not be downloaded: ${mirror.url}/terraform/index.json cannot be read: the server answers with status 503: let the agent reach it, name a mirror with --engine-mirror, or install terraform there`,
    });
    expect(mirror.asked).toHaveLength(3);
  });
});

describe("downloads that are off", () => {
  test("leave the message of the search", async () => {
    await install("1.1.0");
    const store = held.use(new EngineStore(offline()));
    expect(await find(">= 2.0", store)).toMatchObject({
      kind: "wrong-version",
      message: expect.stringContaining("install a version that fits"),
    });
    const signal = new AbortController().signal;
    const ofPlan = await store.find({ engine: "terraform", versionConstraint: "1.2.3", askedBy: "plan" }, signal);
    expect(ofPlan).toMatchObject({
      message: expect.stringMatching(
        /^the plan was made with terraform 1.2.3, this agent has 1.1.0 \(.*\): install that version, or plan again$/,
      ),
    });
    expect(mirror.asked).toEqual([]);
  });

  test("a program chosen by the operator is the only one", async () => {
    await publish("1.2.3");
    await find("1.2.3");
    const chosen = await install("1.1.0");
    const asked = mirror.asked.length;
    expect(await find("1.2.3", storeOf({ enginePaths: [chosen] }))).toMatchObject({
      kind: "wrong-version",
      found: "1.1.0",
    });
    expect(mirror.asked).toHaveLength(asked);
  });

  test("a constraint that cannot be read is explained, and nothing asked", async () => {
    expect(await find("latest")).toMatchObject({
      kind: "missing",
      message: expect.stringContaining("is not a version constraint"),
    });
    expect(mirror.asked).toEqual([]);
  });
});
