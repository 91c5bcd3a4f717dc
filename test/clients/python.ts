import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startProgram } from "../support/programs.ts";

const root = resolve(import.meta.dirname, "../..");
/** Debian's, which has the package python3-grpcio; another one may come first on the PATH. */
const python = "/usr/bin/python3";

const succeeds = (command: string, ...args: readonly string[]) =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0;
const missing = [
  ...(succeeds(python, "-c", "import grpc, google.protobuf")
    ? []
    : [`${python} with grpcio and protobuf (python3-grpcio)`]),
  ...(succeeds("protoc", "--version") ? [] : ["protoc (protobuf-compiler)"]),
  ...(succeeds("sh", "-c", "command -v grpc_python_plugin") ? [] : ["grpc_python_plugin (protobuf-compiler-grpc)"]),
];

/**
 * True when Python's gRPC and the generator of its stubs are installed here. Without them the tests with Python are
 * skipped with a loud word on a laptop and fail in CI.
 */
export const hasPython = missing.length === 0;

if (!hasPython) {
  if (process.env.CI) throw new Error(`not found, and CI must have it: ${missing.join(", ")}`);
  console.warn(`SKIPPED: tests with a Python client, because these were not found: ${missing.join(", ")}`);
}

/** One script of this folder, and what it needs to reach the server. */
export interface PythonCall {
  readonly script: string;
  readonly url: string;
  readonly apiKey: string;
  /** Authorities to trust, PEM; for https. */
  readonly caFile?: string;
}

/** Generates stubs from proto/, runs a script with them, and gives the JSON values that it printed, one a line. */
export async function pythonClient({ script, url, apiKey, caFile }: PythonCall): Promise<readonly unknown[]> {
  await using held = new AsyncDisposableStack();
  const stubs = await mkdtemp(join(tmpdir(), "windlass-stubs-"));
  held.defer(() => rm(stubs, { recursive: true, force: true }));
  generateStubs(stubs);
  const program = held.use(
    startProgram({
      name: script,
      command: python,
      args: [join(import.meta.dirname, script), new URL(url).host],
      env: {
        PYTHONPATH: stubs,
        PYTHONDONTWRITEBYTECODE: "1",
        API_KEY: apiKey,
        ...(caFile === undefined ? {} : { CA_FILE: caFile }),
      },
    }),
  );
  const { code } = await program.ended;
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${program.stderr()}`);
  return program
    .stdout()
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

function generateStubs(out: string): void {
  const args = ["generate", "--template", "examples/clients/python.gen.yaml", "--output", out];
  const buf = spawnSync(join(root, "node_modules/.bin/buf"), args, { cwd: root, encoding: "utf8" });
  if (buf.status !== 0) throw new Error(`buf generate failed: ${buf.stderr}`);
}
