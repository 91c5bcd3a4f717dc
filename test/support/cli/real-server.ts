import { createApiKey } from "../../../src/control/people/api-keys.ts";
import { Liveness } from "../../../src/control/sessions/liveness.ts";
import type { Role } from "../../../src/domain/people/api-key.ts";
import { Readiness } from "../../../src/http/readiness.ts";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { memoryLog } from "../../../src/lib/program/log.ts";
import { interceptorsFor } from "../../../src/rpc/interceptors.ts";
import { routesOf } from "../../../src/server/routes.ts";
import { openTestControl, type TestControl } from "../control.ts";
import { listen } from "../listen.ts";
import { runCli } from "./run-cli.ts";

interface CliAnswer {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface How {
  readonly role?: Role;
  readonly stdin?: string;
  readonly isTty?: boolean;
  readonly columns?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A control plane in this process behind the real services on a port, and `windlass` to speak with it. */
export interface CliServer
  extends AsyncDisposable,
    Pick<TestControl, "control" | "organization" | "sibling" | "clock"> {
  /** Runs a command line, as an owner of the first organization unless said otherwise. */
  cli(args: string | readonly string[], how?: How): Promise<CliAnswer>;
  /** The same; fails unless it ends well, and answers what it printed. */
  done(args: string | readonly string[], how?: How): Promise<CliAnswer>;
  /** The same with `-o json`, read. */
  json(args: string | readonly string[], how?: How): Promise<unknown>;
}

const wordsOf = (args: string | readonly string[]): readonly string[] =>
  typeof args === "string" ? args.split(" ").filter((word) => word !== "") : args;

/** Opens one; rows are older than its clock says by as much as the test lets pass. */
export async function openCliServer(): Promise<CliServer> {
  await using opening = new AsyncDisposableStack();
  const { log } = memoryLog();
  const fixture = opening.use(await openTestControl({ log, hasLogs: true }));
  const { control, organization } = fixture;
  const readiness = new Readiness();
  const routes = routesOf({ control, liveness: new Liveness(), generation: "1", readiness, hasReflection: true });
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, interceptors: interceptorsFor(control), readiness, log },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  opening.defer(() => opened.listener.close(0));
  const secrets = new Map<Role, string>();
  const secretOf = async (role: Role): Promise<string> => {
    const known = secrets.get(role);
    if (known !== undefined) return known;
    const organizationId = role === "site_admin" ? null : organization.id;
    const { secret } = await createApiKey(control, { name: `the ${role}`, role, organizationId });
    secrets.set(role, secret);
    return secret;
  };
  // Ages are told by the clock of the rows; what waits does so by the real one.
  const clock: Clock = { ...systemClock, now: () => fixture.clock.now() };
  const cli: CliServer["cli"] = async (args, { role = "owner", environment = {}, ...how } = {}) =>
    runCli(wordsOf(args), {
      ...how,
      clock,
      environment: {
        ...{ WINDLASS_ADDRESS: opened.listener.url, WINDLASS_TOKEN: await secretOf(role), NO_COLOR: "1" },
        ...environment,
      },
    });
  const done: CliServer["done"] = async (args, how) => {
    const answer = await cli(args, how);
    if (answer.exit !== 0) throw new Error(`${String(args)}: exit ${answer.exit}\n${answer.stdout}${answer.stderr}`);
    return answer;
  };
  const owned = opening.move();
  return {
    ...{ control, organization, sibling: fixture.sibling, clock: fixture.clock, cli, done },
    json: async (args, how) => JSON.parse((await done([...wordsOf(args), "-o", "json"], how)).stdout),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
