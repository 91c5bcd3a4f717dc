import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { freshName } from "./api.ts";
import { type Program, startProgram } from "./programs.ts";
import type { CliAnswer, Scene, TestServer } from "./scene.ts";
import { terraformPath } from "./terraform.ts";

/** Where a configuration keeps its state: the same server in either form. */
export type BackendForm = "cloud" | "remote";

export interface CallOptions {
  /** What is typed, before its input is closed. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface TerraformCliOptions {
  /** Certificate of the authority that the server's is from: then terraform discovers what the server has. */
  readonly caFile?: string;
  /** The credential; the admin's if absent. */
  readonly token?: string;
  /** What else stands in its settings. */
  readonly settings?: string;
}

/**
 * The real terraform as people have it on their machines, with the server as its backend. Without TLS its settings name what
 * discovery would, because terraform discovers over TLS alone.
 */
export class TerraformCli {
  /** As `hostname` names the server. */
  readonly host: string;
  readonly organization: string;
  readonly #scene: Scene;
  readonly #home: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(scene: Scene, home: string, host: string, more: { organization: string; env: object }) {
    this.#scene = scene;
    this.#home = home;
    this.host = host;
    this.organization = more.organization;
    this.#env = { ...more.env };
  }

  static async open(scene: Scene, server: TestServer, options: TerraformCliOptions = {}): Promise<TerraformCli> {
    const home = join(scene.directory, freshName("home"));
    await mkdir(home);
    const host = `localhost:${new URL(server.url).port}`;
    const token = options.token ?? (await readFile(server.adminTokenFile, "utf8")).trim();
    const settings = join(home, "terraform.rc");
    await writeFile(settings, settingsOf(host, { ...options, token }));
    const { organizations } = await server.api.clients.organizations.listOrganizations({});
    const trust = options.caFile === undefined ? {} : { SSL_CERT_FILE: options.caFile, SSL_CERT_DIR: home };
    const env = { TF_CLI_CONFIG_FILE: settings, CHECKPOINT_DISABLE: "1", ...trust };
    return new TerraformCli(scene, home, host, { organization: organizations[0]?.name ?? "", env });
  }

  /** A directory with a configuration that is not initialized. */
  async directory(files: Readonly<Record<string, string>>): Promise<string> {
    const directory = join(this.#scene.directory, freshName("config"));
    await this.write(directory, files);
    return directory;
  }

  async write(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), text);
    }
  }

  /** A `cloud` or `backend "remote"` block of this server; `workspaces` is the inside of its block. */
  backend(workspaces: string, form: BackendForm = "cloud"): string {
    const inside = `hostname = "${this.host}"\n organization = "${this.organization}"\n workspaces {\n${workspaces}\n}`;
    return `terraform {\n ${form === "cloud" ? "cloud" : 'backend "remote"'} {\n ${inside}\n }\n}\n`;
  }

  /** An initialized directory whose workspace is this one, which is created if it does not exist. */
  async initialized(workspace: string, files: Readonly<Record<string, string>>, form?: BackendForm): Promise<string> {
    const directory = await this.directory({ ...files, "backend.tf": this.backend(`name = "${workspace}"`, form) });
    await this.run(directory, ["init"]);
    return directory;
  }

  /** How terraform is called there. */
  callOf(directory: string) {
    return { command: terraformPath, env: { HOME: this.#home, ...this.#env }, cwd: directory };
  }

  start(directory: string, argv: readonly string[], { input = "", env }: CallOptions = {}): Program {
    const call = this.callOf(directory);
    const more = { name: `terraform ${argv.join(" ")}`, args: argv, input };
    const program = startProgram({ ...call, ...more, env: { ...call.env, ...env } });
    this.#scene.defer(async () => program[Symbol.asyncDispose]());
    return program;
  }

  /** Runs a command to its end; answers without colours. */
  async call(directory: string, argv: readonly string[], options?: CallOptions): Promise<CliAnswer> {
    const program = this.start(directory, argv, options);
    const ending = await program.ended;
    return { ...ending, stdout: plain(program.stdout()), stderr: plain(program.stderr()) };
  }

  /** The same of one that must end well; answers what it printed. */
  async run(directory: string, argv: readonly string[], options?: CallOptions): Promise<string> {
    const answer = await this.call(directory, argv, options);
    expect(answer.code, saidBy(argv, answer)).toBe(0);
    return answer.stdout;
  }

  /** The same of one that must fail with 1; answers what it said of that, in one line. */
  async fails(directory: string, argv: readonly string[], options?: CallOptions): Promise<string> {
    const answer = await this.call(directory, argv, options);
    expect(answer.code, saidBy(argv, answer)).toBe(1);
    return unwrapped(answer.stderr);
  }
}

const saidBy = (argv: readonly string[], { stdout, stderr }: CliAnswer): string =>
  `terraform ${argv.join(" ")}:\n${stdout}${stderr}`;

/** Text without colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours begin with
export const plain = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*m/g, "");

/** What terraform frames and wraps, in one line. */
export const unwrapped = (text: string): string => text.replaceAll(/[│╷╵\s]+/g, " ").trim();

function settingsOf(host: string, { token, caFile, settings = "" }: TerraformCliOptions): string {
  const credentials = `${settings}credentials "${host}" {\n  token = "${token}"\n}\n`;
  if (caFile !== undefined) return credentials;
  const api = `http://${host}/api/v2/`;
  const services = `"tfe.v2" = "${api}", "tfe.v2.1" = "${api}", "state.v2" = "${api}"`;
  return `${credentials}host "${host}" {\n  services = { ${services} }\n}\n`;
}
