import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { systemRandom } from "../../../src/lib/random.ts";
import type { Scene, TestServer } from "../../../test/support/scene.ts";
import { hello } from "../load/run-places.ts";
import type { Bench, Part, Row } from "../part.ts";
import { lengthOf, type Pause, RequestTrace } from "../request-trace.ts";
import { preciseMs, timed } from "../timing.ts";

/** Lines of one run, and how long its program waits between two: nothing that a client's own rhythm divides. */
const lines = 40;
const pauses = ["0.13", "0.71", "0.29", "1.07", "0.43"];

const talking = `variable "who" {
  type = string
}

resource "terraform_data" "talking" {
  triggers_replace = var.who
  provisioner "local-exec" {
    interpreter = ["bash", "-c"]
    command     = "for i in $(seq ${lines / pauses.length}); do for s in ${pauses.join(" ")}; do sleep $s; echo at=$(date +%s%N); done; done"
  }
}
`;

/** A line of a log, in milliseconds since 1970. */
interface ShownLine {
  readonly writtenMs: number;
  readonly shownMs: number;
}

/** A directory in which a person types terraform's commands. */
interface Typing {
  type(...args: readonly string[]): Promise<void>;
  /** Types apply, and answers when each line was written and shown. */
  lines(): Promise<readonly ShownLine[]>;
}

const greeting = (): string => `-var=who=${systemRandom.uuid()}`;

async function typingIn(directory: string, env: Readonly<Record<string, string>>): Promise<Typing> {
  const options = { cwd: directory, env: { CHECKPOINT_DISABLE: "1", ...env }, stdin: "ignore" } as const;
  return {
    type: async (...args) => {
      await execa("terraform", args, options);
    },
    lines: async () => {
      const seen: ShownLine[] = [];
      const program = execa("terraform", ["apply", "-auto-approve", "-no-color", greeting()], options);
      for await (const text of program) {
        const written = /\bat=(\d+)\d{6}$/.exec(text)?.[1];
        if (written !== undefined) seen.push({ writtenMs: Number(written), shownMs: preciseMs() });
      }
      if (seen.length !== lines) throw new Error(`terraform showed ${seen.length} of ${lines} lines`);
      return seen;
    },
  };
}

/** Terraform with a `cloud` block for a workspace of a server, over plain HTTP: what it says on the wire is the same. */
async function throughServer(
  scene: Scene,
  { url, api, adminTokenFile }: Pick<TestServer, "url" | "api" | "adminTokenFile">,
  configuration: string,
): Promise<Typing> {
  const directory = await mkdtemp(join(scene.directory, "cloud-"));
  await cp(configuration, directory, { recursive: true });
  const name = await api.workspace({});
  const host = `localhost:${new URL(url).port}`;
  const services = ["tfe.v2", "tfe.v2.1", "tfe.v2.2", "state.v2"].map((one) => `"${one}" = "http://${host}/api/v2/"`);
  const token = (await readFile(adminTokenFile, "utf8")).trim();
  const cliConfig = join(directory, "cli.tfrc");
  await writeFile(
    cliConfig,
    `host "${host}" {\n  services = { ${services.join(", ")} }\n}\ncredentials "${host}" {\n  token = "${token}"\n}\n`,
    { mode: 0o600 },
  );
  await writeFile(
    join(directory, "cloud.tf"),
    `terraform {
  cloud {
    hostname     = "${host}"
    organization = "default"
    workspaces {
      name = "${name}"
    }
  }
}
`,
  );
  const typing = await typingIn(directory, { TF_CLI_CONFIG_FILE: cliConfig });
  await typing.type("init", "-input=false");
  return typing;
}

const apply = ({ type }: Typing) => type("apply", "-auto-approve", "-no-color", greeting());

/** What an apply costs in a fresh directory of a shell. */
async function inShell(scene: Scene): Promise<number> {
  const directory = await mkdtemp(join(scene.directory, "shell-"));
  await cp(hello, directory, { recursive: true });
  const typing = await typingIn(directory, { TF_CLI_CONFIG_FILE: "/dev/null" });
  await typing.type("init", "-input=false");
  return timed(() => apply(typing));
}

/** A directory whose requests are noted. */
interface Traced {
  readonly typing: Typing;
  readonly trace: RequestTrace;
}

async function traced(scene: Scene, server: TestServer, configuration: string): Promise<Traced> {
  const trace = await RequestTrace.open(server.url);
  scene.defer(() => trace[Symbol.asyncDispose]());
  const { api, adminTokenFile } = server;
  return { typing: await throughServer(scene, { url: trace.url, api, adminTokenFile }, configuration), trace };
}

/** An apply, and what its client waited for by itself. */
interface TracedApply {
  readonly ms: number;
  readonly pauses: readonly Pause[];
}

async function tracedApply({ typing, trace }: Traced): Promise<TracedApply> {
  trace.take();
  const ms = await timed(() => apply(typing));
  return { ms, pauses: trace.take() };
}

const ownMs = ({ pauses }: TracedApply): number => pauses.reduce((sum, one) => sum + lengthOf(one), 0);

/** How late lines were, those that were written while the client had a read under way, and those while it slept. */
interface Delays {
  readonly reading: number[];
  readonly sleeping: number[];
}

async function addDelays({ typing, trace }: Traced, { reading, sleeping }: Delays): Promise<void> {
  trace.take();
  const lines = await typing.lines();
  const pauses = trace.take();
  for (const { writtenMs, shownMs } of lines) {
    const isAsleep = pauses.some(({ fromMs, toMs }) => writtenMs >= fromMs && writtenMs < toMs);
    (isAsleep ? sleeping : reading).push(shownMs - writtenMs);
  }
}

/** Lines that were written while the client reads, and those of its own waits. */
const delayRows = (how: string, { reading, sleeping }: Delays): readonly Row[] => {
  const all = [...reading, ...sleeping];
  const rows = [
    [`log line written → shown, ${how}, p50`, 0.5, all],
    ["  p99", 0.99, all],
    [`  p50 of ${reading.length} of ${all.length} written while terraform reads`, 0.5, reading],
    [`  p50 of ${sleeping.length} of ${all.length} written while it sleeps`, 0.5, sleeping],
  ] as const;
  return rows.flatMap(([what, share, samples]) =>
    samples.length === 0 ? [] : [{ kind: "measured", unit: "ms", what, share, samples }],
  );
};

export const tfe: Part = {
  name: "tfe",
  about: "the stock terraform with a cloud block, beside a server that does not hold its reads, and a shell",
  usualSeconds: 180,
  measure,
};

/** An apply with many lines takes half a minute. */
const mostTalks = 2;

async function measure({ scene, rounds }: Bench): Promise<readonly Row[]> {
  const holding = await scene.server({ serverAgents: 1 });
  const answering = await scene.server({ serverAgents: 1, args: ["--tfe-hold", "0s"] });
  const talkingDirectory = await mkdtemp(join(scene.directory, "talking-"));
  await writeFile(join(talkingDirectory, "main.tf"), talking);
  const [held, plain] = [await throughServer(scene, holding, hello), await throughServer(scene, answering, hello)];
  const noted = await traced(scene, holding, hello);
  for (const typing of [held, plain, noted.typing]) await apply(typing);
  const [local, heldMs, plainMs]: [number[], number[], number[]] = [[], [], []];
  const notedApplies: TracedApply[] = [];
  for (let round = 0; round < rounds; round++) {
    heldMs.push(await timed(() => apply(held)));
    plainMs.push(await timed(() => apply(plain)));
    notedApplies.push(await tracedApply(noted));
    local.push(await inShell(scene));
  }
  const [heldTalk, plainTalk] = [
    await traced(scene, holding, talkingDirectory),
    await traced(scene, answering, talkingDirectory),
  ];
  const [heldDelays, plainDelays]: [Delays, Delays] = [
    { reading: [], sleeping: [] },
    { reading: [], sleeping: [] },
  ];
  for (let round = 0; round < Math.min(rounds, mostTalks); round++) {
    await addDelays(heldTalk, heldDelays);
    await addDelays(plainTalk, plainDelays);
  }
  const [kind, unit] = ["measured", "ms"] as const;
  const limit = { what: "apply in a shell", samples: local };
  return [
    { kind, unit, what: "terraform apply -auto-approve, reads held", samples: heldMs, limit },
    { kind, unit, what: "  of it terraform's own waits, no request under way", samples: notedApplies.map(ownMs) },
    { kind, unit, what: "  of it all the rest", samples: notedApplies.map((one) => one.ms - ownMs(one)), limit },
    { kind, unit, what: "terraform apply -auto-approve, --tfe-hold 0s", samples: plainMs, limit },
    ...delayRows("reads held", heldDelays),
    ...delayRows("--tfe-hold 0s", plainDelays),
  ];
}
