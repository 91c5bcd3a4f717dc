/** The thread in which the document of a large plan is read: it ends with its answer, or with its memory. */
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type DigestWork, digestLarge } from "./plan-reading.ts";

const work: DigestWork = workerData;
const { path, schemas } = work.question;
const printed = { plan: readFileSync(path), schemas: schemas === undefined ? undefined : readFileSync(schemas) };
parentPort?.postMessage(digestLarge(printed, work));
