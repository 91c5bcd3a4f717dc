/** What a program is released with. */
export interface Product {
  /** Of the program, and of its files. */
  readonly program: "windlass" | "windlassd" | "windlass-agent";
  /** Of its Debian package. */
  readonly packageName: string;
  readonly summary: string;
  /** In the package: one line of text each. */
  readonly description: readonly string[];
  /** Whether it keeps rows, and serves the UI. */
  readonly isServer: boolean;
  /** Options of Node; see scripts/bundling/run. */
  readonly nodeOptions: readonly string[];
  /** Whether its launcher starts other versions than the installed one. */
  readonly updatesItself: boolean;
  /** Whether it is also released as one file. */
  readonly isSingle: boolean;
}

/** As in `scripts/bundling/run`. */
const serverOptions = ["--max-semi-space-size=16"];
const agentOptions = ["--min-semi-space-size=2", "--max-semi-space-size=2"];
const clientOptions = ["--min-semi-space-size=16"];

/** Every product. */
export const products: readonly Product[] = [
  {
    program: "windlass",
    packageName: "windlass",
    summary: "command line client of the Windlass control plane",
    description: ["Starts and follows runs of Terraform and OpenTofu, and manages workspaces, agent pools and access."],
    isServer: false,
    nodeOptions: clientOptions,
    updatesItself: false,
    isSingle: true,
  },
  {
    program: "windlassd",
    packageName: "windlass-server",
    summary: "control plane that runs Terraform and OpenTofu on agents",
    description: [
      "Decides which agent runs what, keeps states, plans and logs, and serves the API and the web UI.",
      "It needs no database of its own: SQLite is built in, PostgreSQL can be used.",
    ],
    isServer: true,
    nodeOptions: serverOptions,
    updatesItself: false,
    isSingle: false,
  },
  {
    program: "windlass-agent",
    packageName: "windlass-agent",
    summary: "agent that runs Terraform and OpenTofu for a Windlass control plane",
    description: [
      "Connects to the control plane from inside a private network, takes jobs of a pool and sends back logs and states.",
    ],
    isServer: false,
    nodeOptions: agentOptions,
    updatesItself: true,
    isSingle: true,
  },
];

/** Architectures, by the names of Node; and those of Debian. */
export const architectures = { x64: "amd64", arm64: "arm64" } as const;
/** `x64` or `arm64`. */
export type Architecture = keyof typeof architectures;
