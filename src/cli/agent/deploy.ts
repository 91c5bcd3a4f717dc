import { type FileHandle, open, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { type StartKind, type StartPlace, startKinds, startSteps } from "../../lib/deploy/start-steps.ts";
import { version } from "../../lib/program/version.ts";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { duration, neededText, text, toggle } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { command, one } from "../shared/command.ts";

const usualFile = "windlass-agent-token";

export const deploy = command({
  name: "deploy",
  summary: "Print what to run to start an agent of a pool, with a fresh token in a file",
  examples: [
    "windlass deploy systemd --pool prod",
    "windlass deploy kubernetes --pool prod --name cluster-1 --expires 30d",
    "windlass deploy docker --pool prod --no-token",
  ],
  positionals: { kind: one("KIND", startKinds.join(", ")) },
  flags: {
    pool: neededText("the pool it takes jobs of", { short: "p", placeholder: "POOL" }),
    name: text("where the token is used (default: KIND)", { placeholder: "NAME" }),
    expires: duration("how long the token is good for (default 90d); 0 is for ever"),
    "secret-file": text(`where the token is written (default ${usualFile}); no file that is there is written over`, {
      placeholder: "FILE",
    }),
    "no-token": toggle("make no token: the steps say where one is pasted"),
  },
  formats: [],
  run: async (context, { args, flags }) => {
    const kind = startKinds.find((known) => known === args.kind);
    if (kind === undefined) throw usageError(`KIND is one of ${startKinds.join(", ")}, not "${args.kind}"`);
    if (flags["no-token"] === true && flags["secret-file"] !== undefined)
      throw usageError("--no-token makes no file: leave --secret-file away");
    const { address } = await context.connection();
    const place = { address: address.value, organization: await context.organization(), pool: flags.pool, version };
    const wanted = { name: flags.name ?? kind, expires: flags.expires, file: flags["secret-file"] ?? usualFile };
    const hasNone = flags["no-token"] === true;
    if (hasNone) await demandPool(context, place);
    const tokenFile = hasNone ? undefined : await writeToken(context, place, wanted);
    await context.printer.exact(textOf(kind, { ...place, tokenFile }));
    if (isLoopback(address.value))
      context.notes.say(`Only agents on this machine reach ${address.value}: name the server as others reach it (-a).`);
    return undefined;
  },
});

/** Each step as a comment and the text for it: what a shell takes can be pasted as it is. */
const textOf = (kind: StartKind, place: StartPlace): string =>
  startSteps(kind, place)
    .map(({ title, text }, at) => `# ${at + 1}. ${title}\n${text}\n`)
    .join("\n");

/** Steps for a pool that is not there would end in a token that nobody can make. */
async function demandPool(context: Context, { organization, pool }: StartPlace): Promise<void> {
  await (await context.client(AgentPoolService)).getAgentPool({ organization, agentPool: pool });
}

interface WantedToken {
  readonly name: string;
  readonly expires: number | undefined;
  readonly file: string;
}

/** The file is there before the token is made: a secret that cannot be kept is not asked for. */
async function writeToken(
  context: Context,
  { organization, pool }: StartPlace,
  { name, expires, file }: WantedToken,
): Promise<string> {
  const path = resolve(file);
  await using handle = await openFresh(path);
  try {
    const client = await context.client(AgentTokenService);
    const { agentToken, secret } = await client.createAgentToken({
      ...{ organization, agentPool: pool, description: name, requestId: context.io.random.uuid() },
      expiresIn: expires === undefined ? undefined : durationFromMs(expires),
    });
    await handle.writeFile(`${secret}\n`);
    context.notes.say(`Token ${agentToken?.id ?? ""} of pool ${pool} is in ${path}, which you alone can read.`);
    return path;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function openFresh(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    if (errnoOf(error) === "EEXIST")
      throw usageError(`${path} is there already: remove it, or name another file (--secret-file)`);
    throw usageError(`the token cannot be written: ${messageOf(error)}`);
  }
}

const isLoopback = (address: string): boolean => /^https?:\/\/(127\.|localhost\b|\[::1\])/.test(address);
