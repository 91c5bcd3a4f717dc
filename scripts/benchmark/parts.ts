import type { Part } from "./part.ts";
import { calls } from "./parts/calls.ts";
import { cancel } from "./parts/cancel.ts";
import { downloads } from "./parts/downloads.ts";
import { flat } from "./parts/flat.ts";
import { fleet } from "./parts/fleet.ts";
import { follow } from "./parts/follow.ts";
import { grants } from "./parts/grants.ts";
import { hello } from "./parts/hello.ts";
import { ingest } from "./parts/ingest.ts";
import { logPane } from "./parts/log-pane.ts";
import { page } from "./parts/page.ts";
import { five, many, size } from "./parts/providers.ts";
import { queue } from "./parts/queue.ts";
import { replicas } from "./parts/replicas.ts";
import { restart } from "./parts/restart.ts";
import { runs } from "./parts/runs.ts";
import { start } from "./parts/start.ts";
import { tfe } from "./parts/tfe.ts";
import { writes } from "./parts/writes.ts";

/** Every part, in the order of the table. Another one: a file in `parts/` and a line here. */
export const parts: readonly Part[] = [
  // A run, from a person's point of view.
  ...[hello, follow, cancel, many, five, size, tfe],
  // What a server can do.
  ...[calls, downloads, grants, runs, replicas, queue, writes, ingest, page],
  // What it costs.
  ...[start, fleet, restart, flat],
  // What a browser shows.
  logPane,
];
