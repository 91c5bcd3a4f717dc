import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { freshName } from "../support/api.ts";
import { privatelySigned } from "../support/certificate.ts";
import { type Program, startProgram, type Within } from "../support/programs.ts";
import type { Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";

/** How the programs of a test reach the server. */
export interface Way {
  readonly url: string;
  /** What the agent and the client are told beside the address. */
  readonly env: Readonly<Record<string, string>>;
  /** On which machine they are, if it is not this one. */
  readonly within?: Within | undefined;
}

export interface FrontCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly port: number;
  /** How it is asked to end at once; SIGTERM if absent. */
  readonly signal?: NodeJS.Signals;
}

/** A real program between the agents and the server. The scene ends it. */
export class Front {
  readonly port: number;
  readonly #call: FrontCall;
  readonly #programs: Program[] = [];

  private constructor(call: FrontCall) {
    this.port = call.port;
    this.#call = call;
  }

  static async open(scene: Scene, call: FrontCall): Promise<Front> {
    const front = new Front(call);
    scene.defer(() => front.stop());
    await front.start();
    return front;
  }

  async start(): Promise<void> {
    const program = startProgram({ name: this.#call.command, ...this.#call });
    this.#programs.push(program);
    const isUp = async () => {
      if (!program.isRunning) throw new Error(`${program.name} has ended:\n${this.said()}`);
      return isListening(this.port);
    };
    await until(`${program.name} listens on ${this.port}`, isUp, { seen: () => this.said() });
  }

  async stop(): Promise<void> {
    const program = this.#programs.at(-1);
    if (program?.isRunning) await program.stop(this.#call.signal);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Lets it read its configuration again. */
  reload(): void {
    this.#programs.at(-1)?.signal("SIGHUP");
  }

  /** What it has said so far. */
  said(): string {
    return this.#programs.map((program) => program.stderr() + program.stdout()).join("");
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port of 127.0.0.1 that nothing uses now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

/** A directory of a program, with the certificate that it shows. */
export interface FrontPlace {
  readonly directory: string;
  /** PEM files: of the authority, of the certificate, of its key, of both of these in one. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly both: string;
  write(name: string, text: string): Promise<string>;
}

export async function openPlace(scene: Scene, kind: string): Promise<FrontPlace> {
  const directory = join(scene.directory, freshName(kind));
  await mkdir(directory);
  // Some of these programs give up root before they look into their directories.
  await chmod(scene.directory, 0o711);
  const write = async (name: string, text: string) => {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  };
  const { ca, cert, key } = privatelySigned(new Date());
  return {
    ...{ directory, write, ca: await write("ca.pem", ca), cert: await write("tls.crt", cert) },
    ...{ key: await write("tls.key", key), both: await write("tls.pem", cert + key) },
  };
}

/** The way to a program that shows the certificate of a place. */
export const wayThrough = ({ port }: Pick<Front, "port">, { ca }: Pick<FrontPlace, "ca">): Way => ({
  url: `https://127.0.0.1:${port}`,
  env: { WINDLASS_CA_FILE: ca },
});

/** Programs that are started as root should stay it, so that they reach what the test has made. */
export const isRoot = process.getuid?.() === 0;
