import { describe, expect, test } from "vitest";
import { loadSettings, type Setting, type Settings, settingVariables } from "../lib/settings.ts";
import { agentSettings } from "./agent.ts";
import { clientSettings } from "./client.ts";
import { knownVariables } from "./known-variables.ts";
import { serverSettings } from "./server.ts";

/** A text that each setting takes and that is not its default, and one that it refuses; null where any text is fine. */
const samples: Readonly<Record<string, readonly [good: string, bad: string | null]>> = {
  accept: ["plan", "plan,destroy"],
  address: ["https://tf.example.com", null],
  adminTokenFile: ["/etc/windlass/admin", null],
  agentErroredAfter: ["11m", "soon"],
  agentUnknownAfter: ["90s", "-1s"],
  agentReleases: ["/srv/windlass/agents", null],
  allowPlaintext: ["true", "yes"],
  applyGrace: ["20m", "1w"],
  applyTimeout: ["2h30m", "2h 30m"],
  archiveLogsAfter: ["30d", "59m"],
  autoUpdate: ["minor", "major"],
  updateMaxWait: ["2h", "later"],
  updateTrial: ["30s", "30"],
  updateUrl: ["https://mirror.example.com/agent", "mirror.example.com"],
  authFailureLimit: ["0", "1000001"],
  blobUrl: ["s3://objects/windlass?endpoint=https://minio:9000", "https://minio:9000/objects"],
  caFile: ["/etc/ca.pem", null],
  certFile: ["/etc/cert.pem", null],
  color: ["always", "sometimes"],
  concurrency: ["8", "0"],
  config: ["/etc/windlass.yaml", null],
  context: ["prod", null],
  dataDir: ["/var/lib/windlass", null],
  databaseConnections: ["25", "2"],
  databasePasswordFile: ["/run/secrets/db", null],
  databasePooling: ["transaction", "statement"],
  databaseStatementTimeout: ["0", "1 minute"],
  databaseDirectUrl: ["postgres://u@db:5432/windlass", "db:5432"],
  databaseUrl: ["postgres://u@db/windlass", "postgres://u:1#x@db/windlass"],
  debug: ["true", "2"],
  diskReserve: ["1GiB", "1Gib"],
  endedKeyTtl: ["30d", "month"],
  cliConfig: ["/etc/terraformrc", null],
  engineKeys: ["/etc/keys.asc", null],
  noEngineDownload: ["true", "nein"],
  noWeb: ["true", "nein"],
  publicUrl: ["https://windlass.example.com", "https://windlass.example.com/ui"],
  passEnv: ["AWS_PROFILE,HTTP_PROXY", null],
  providerCache: ["5GiB", "5 giga"],
  sandboxPaths: ["/etc/ssl,/opt", null],
  engineMirror: ["https://mirror.example.com", "mirror.example.com"],
  enginePaths: ["/opt/terraform,/opt/tofu", null],
  exitedAgentTtl: ["2h", ""],
  forwardedHeader: ["forwarded", "x-real-ip"],
  heartbeatInterval: ["5s", "5"],
  help: ["true", "help"],
  httpListen: ["127.0.0.1:9090", "9090"],
  idleProbe: ["1m", "x"],
  idleTimeout: ["10m", "-"],
  initTimeout: ["0", "0x"],
  insecure: ["true", "on"],
  keepAudit: ["365d", "59m"],
  keepConfigs: ["90d", "30m"],
  keepLogs: ["1h", "3599s"],
  keepRuns: ["30d", "0"],
  hooksDir: ["/etc/windlass/hooks", null],
  hooksOutsideSandbox: ["pre-init,job-exit", "pre-int"],
  hooksMaySet: ["TF_CLI_ARGS_plan", "PATH"],
  hookTimeout: ["90s", "11m"],
  hookPreInitTimeout: ["90s", "11m"],
  hookPrePlanTimeout: ["10m", "0"],
  hookPostPlanTimeout: ["2m", "2"],
  hookPreApplyTimeout: ["1s", "500ms"],
  hookPostApplyTimeout: ["5m", "1h"],
  hookOnCancelTimeout: ["20s", "1m"],
  hookJobExitTimeout: ["30s", "31s"],
  keepStates: ["10", "2"],
  keptJobsFor: ["1d", "1day"],
  keptJobsSize: ["10GiB", "ten"],
  keyFile: ["/etc/key.pem", null],
  labels: ["gpu,zone=a", "os=linux"],
  listen: ["[::1]:7070", "::1:7070"],
  logFormat: ["json", "text"],
  logLevel: ["warn", "trace"],
  lostAgentTtl: ["1d", "d"],
  masterKey: ["00".repeat(32), null],
  maxAgentsPerToken: ["10", "ten"],
  maxConfigSize: ["64KB", "64 kilobytes"],
  maxJobs: ["1", "-1"],
  maxLogSize: ["1MiB", "1 MiB?"],
  maxPlanFilesSize: ["0", "-0"],
  maxQueuedRuns: ["7", "7.5"],
  maxStateSize: ["1.5GiB", "GiB"],
  metricsListen: ["[::1]:9000", "[::1]"],
  migrate: ["check", "never"],
  minFreeDisk: ["100MB", "100M"],
  movedDatabase: ["1", "2"],
  name: ["vm-7", "vm 7"],
  noColor: ["true", "maybe"],
  noDelete: ["true", "please"],
  noInput: ["true", "-"],
  noReflection: ["true", "t"],
  offerLease: ["2m", "2 m"],
  org: ["acme", null],
  organization: ["acme", null],
  output: ["json", "xml"],
  pathPrefix: ["/windlass", "windlass/"],
  planLease: ["3m", "3"],
  planTimeout: ["0", "never"],
  proxyProtocol: ["true", "v2"],
  queueTimeout: ["12h", "12"],
  quiet: ["true", "shh"],
  rateLimit: ["0", "-5"],
  registrationRate: ["60", "1e3"],
  sandbox: ["none", "docker"],
  serverAgentConcurrency: ["0", "101"],
  serverName: ["tf.example.com", null],
  shutdownTimeout: ["1m30s", "1m30"],
  tfeHold: ["1m30s", "1m30"],
  single: ["true", "one"],
  timeout: ["250ms", "250"],
  tlsCertFile: ["/etc/cert.pem", null],
  tlsKeyFile: ["/etc/key.pem", null],
  token: ["wdl_agt_x", null],
  tokenFile: ["/etc/token", null],
  identityTokenFile: ["/var/run/secrets/windlass/token", null],
  pool: ["acme/prod", "prod"],
  trustedProxies: ["10.0.0.0/8,::1", "10.0.0.0/33"],
  verbose: ["true", "very"],
  workDir: ["/srv/work", null],
  yes: ["true", "y"],
};

const programs: Readonly<Record<string, Settings>> = {
  windlassd: serverSettings,
  "windlass-agent": agentSettings,
  windlass: clientSettings,
};
const all = Object.entries(programs).flatMap(([program, settings]) =>
  Object.entries(settings).map(([name, setting]) => ({ program, name, setting, settings })),
);

type Given = {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly files?: Readonly<Record<string, string>>;
};

/** What one setting is read as, and where that came from; or what is wrong. */
function read(name: string, setting: Setting<unknown>, { flags = {}, environment = {}, values, files = {} }: Given) {
  const loaded = loadSettings(
    { [name]: setting },
    {
      ...{ flags, environment, alsoKnown: knownVariables },
      ...(values === undefined ? {} : { file: { path: "settings.yaml", values } }),
      readFile: (path) => {
        const text = files[path];
        if (text === undefined) throw new Error("there is no such file");
        return text;
      },
    },
  );
  return loaded.kind === "loaded"
    ? { value: setting.schema.write(loaded.values[name]), origin: loaded.origins[name] }
    : { problems: loaded.problems };
}
const sampleOf = (name: string, { env }: Setting<unknown>): readonly [string, string | null] => {
  const sample = samples[name];
  if (sample === undefined) throw new Error(`no sample of ${name} (${env}): give one`);
  return sample;
};

describe.each(all)("$name of $program", ({ name, setting }) => {
  const [good, bad] = sampleOf(name, setting);
  const value = setting.schema.read(good);
  const expected = value === undefined ? undefined : setting.schema.write(value);
  const { flag, env, hasFileForm = true } = setting;

  test("is read alike from wherever it is given, and the origin is told", () => {
    expect(expected).toBeDefined();
    if (flag !== undefined) {
      expect(read(name, setting, { flags: { [flag]: good } })).toEqual({ value: expected, origin: `--${flag}` });
      const values = { [flag]: good };
      expect(read(name, setting, { values })).toEqual({ value: expected, origin: `settings.yaml: ${flag}` });
    }
    if (env === undefined) return;
    expect(read(name, setting, { environment: { [env]: good } })).toEqual({ value: expected, origin: env });
    if (!hasFileForm) return;
    const environment = { [`${env}_FILE`]: "/run/secret" };
    const file = { value: expected, origin: `${env}_FILE` };
    expect(read(name, setting, { environment, files: { "/run/secret": `${good}\n` } })).toEqual(file);
    expect(read(name, setting, { environment, files: { "/run/secret": `${good}\r\n` } })).toEqual(file);
    expect(read(name, setting, { environment }).problems).toEqual([
      `${env}_FILE: /run/secret cannot be read: there is no such file`,
    ]);
  });

  test("is written as it is read", () => {
    const again = setting.schema.read(expected ?? "");
    expect(again).toBeDefined();
    expect(setting.schema.write(again)).toBe(expected);
  });

  test("has a default that could be given as well, or none", () => {
    const { fallback } = setting;
    if (fallback.kind !== "value" || fallback.value === undefined) return;
    const text = setting.schema.write(fallback.value);
    // An empty text is no value of a variable: what is empty by default needs none.
    if (text !== "") expect(setting.schema.read(text)).toEqual(fallback.value);
    expect(expected).not.toBe(text);
  });

  if (bad !== null)
    test("refuses what it does not take, with what it takes and, unless it is a secret, what it got", () => {
      const wrong = bad;
      expect(setting.schema.read(wrong)).toBeUndefined();
      const origins = [
        ...(flag === undefined ? [] : [[{ flags: { [flag]: wrong } }, `--${flag}`] as const]),
        ...(env === undefined || wrong === "" ? [] : [[{ environment: { [env]: wrong } }, env] as const]),
      ];
      for (const [given, origin] of origins) {
        const got = setting.isSecret ? "something else (not shown: it is a secret)" : JSON.stringify(wrong);
        expect(read(name, setting, given).problems).toEqual([
          `${origin}: expected ${setting.schema.expected}, got ${got}`,
        ]);
      }
    });
});

describe("the variables of the three programs", () => {
  test("are known to each of them", () => {
    for (const settings of Object.values(programs))
      for (const variable of settingVariables(settings)) expect(knownVariables).toContain(variable);
    expect(knownVariables).toEqual([...new Set(knownVariables)].sort());
  });

  test("a variable that two programs read means the same to both", () => {
    const byVariable = Map.groupBy(all, ({ setting }) => setting.env);
    for (const [variable, readers] of byVariable) {
      if (variable === undefined || readers.length === 1) continue;
      const [first] = readers;
      for (const { name, setting } of readers) {
        expect([variable, name, setting.schema.expected]).toEqual([
          variable,
          first?.name,
          first?.setting.schema.expected,
        ]);
      }
    }
  });

  test.each(Object.entries(programs))(
    "no two settings of %s have one flag, variable or short letter",
    (_program, settings) => {
      for (const field of ["flag", "env", "short"] as const) {
        const names = Object.values(settings).flatMap((setting) => setting[field] ?? []);
        expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
      }
    },
  );

  test("every sample is of a setting that there is", () => {
    const known = new Set(all.map(({ name }) => name));
    expect(Object.keys(samples).filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("values of a configuration file that are more than a text", () => {
  test.each([
    ["enginePaths", "engine-path", ["/opt/terraform", "/opt/tofu"], "/opt/terraform,/opt/tofu"],
    ["trustedProxies", "trusted-proxies", ["10.0.0.0/8", "::1"], "10.0.0.0/8,::1"],
    ["keepStates", "keep-states", 12, "12"],
    ["noReflection", "no-reflection", true, "true"],
    ["rateLimit", "rate-limit", 7, "7"],
  ] as const)("%s", (name, flag, given, value) => {
    const setting: Setting<unknown> = serverSettings[name];
    const found = read(name, setting, { values: { [flag]: given } });
    expect(found.problems).toBeUndefined();
    expect(found.value).toBe(value);
  });

  test("null counts as not given", () => {
    expect(read("rateLimit", serverSettings.rateLimit, { values: { "rate-limit": null } })).toEqual({
      ...{ value: "500", origin: "default" },
    });
  });
});
