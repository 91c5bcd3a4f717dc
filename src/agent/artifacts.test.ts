import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { JobArtifacts } from "./artifacts.ts";

test("a download that is refused before anybody reads it fails, and nothing else does", async () => {
  const dir = await mkdtemp(join(tmpdir(), "windlass-artifacts-"));
  const refuse = () => Promise.reject(new ConnectError("nobody listens", Code.Unavailable));
  const transport: Transport = { unary: refuse, stream: refuse };
  const download = new JobArtifacts(transport, "wdl_job_test").downloadPlan(
    join(dir, "plan"),
    { sizeBytes: 1n, sha256: "" },
    new AbortController().signal,
  );
  await expect(download).rejects.toThrow("nobody listens");
  await rm(dir, { recursive: true });
});
