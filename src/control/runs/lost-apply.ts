import { StringDecoder } from "node:string_decoder";
import type { Job } from "../../domain/runs/job.ts";
import { ApplyLog, type ToldByLog } from "../../domain/runs/log-in-flight.ts";
import { type KeptLost, keptLost, type Lost } from "../../domain/runs/lost.ts";
import type { ResourceInFlight } from "../../domain/runs/resource-in-flight.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import {
  type FinishedResource,
  type FinishedResources,
  hiddenMark,
  isMade,
  type LostResource,
  lostResources,
} from "../../lib/words/lost-resources.ts";
import type { Control } from "../core/control.ts";
import { stateSource } from "../states/states.ts";
import { logStreamOf } from "./logs.ts";

/** How much of a log's end is looked at: what it had finished before that is not known. */
const tailBytes = 128 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

/** What is known of an apply whose agent was lost. */
export interface LostFacts {
  readonly resourcesInFlight: readonly ResourceInFlight[];
  readonly lost: Lost | null;
}

/**
 * What an apply had begun and not ended, and what it had finished, as far as its log is here, and how its last state
 * has it: nobody else can tell while its agent is away.
 */
export async function factsOfLost(control: Control, job: Job): Promise<LostFacts> {
  const { inFlight, finished } = await readLog(control, job);
  const last = await control.store.read((q) => q.states.newestOfJob(job.id));
  return {
    resourcesInFlight: inFlight.length === 0 ? [] : await withState(control, job, { resources: inFlight, last }),
    lost: await lostOf(control, job, { finished, last }),
  };
}

async function readLog({ logs, log }: Control, job: Job): Promise<ToldByLog> {
  const stream = logStreamOf(job);
  let told = new ApplyLog();
  try {
    const end = await logs.nextOffset(stream);
    const decoder = new StringDecoder("utf8");
    told = new ApplyLog({ isTail: end > tailBytes });
    for (let at = Math.max(0, end - tailBytes); at < end; ) {
      const { bytes, nextOffset } = await logs.read(stream, at, pieceBytes);
      if (bytes.length === 0) break;
      told.push(decoder.write(Buffer.from(bytes)));
      at = nextOffset;
    }
  } catch (error) {
    log.error({ err: error, jobId: job.id }, "the log of a lost apply cannot be read: what it had done is not known");
  }
  return told.end();
}

interface Looked<T> {
  readonly resources: T;
  readonly last: StateVersion | undefined;
}

/** A state that tofu has encrypted, or that is too large to be looked into, says nothing. */
async function withState(
  control: Control,
  job: Job,
  { resources, last }: Looked<readonly ResourceInFlight[]>,
): Promise<readonly ResourceInFlight[]> {
  const { documents, log } = control;
  if (last === undefined) return resources;
  try {
    const addresses = resources.map(({ address }) => address);
    const found = await documents.ask({ kind: "instance-status", id: last.id, addresses }, stateSource(control, last));
    return resources.map((resource) => ({ ...resource, inState: found[resource.address] ?? "absent" }));
  } catch (error) {
    log.warn({ err: error, jobId: job.id }, "the last state of a lost apply cannot be looked into");
    return resources;
  }
}

/** Compares what was finished with the last state of the apply, or with the one that it began with. */
async function lostOf(
  control: Control,
  job: Job,
  { finished, last }: { readonly finished: FinishedResources; readonly last: StateVersion | undefined },
): Promise<Lost | null> {
  const { all } = finished;
  if (all.length === 0) return null;
  const state = last ?? (await currentState(control, job));
  // The log tells no secrets: what they hide cannot be compared.
  const named = all.filter(({ address }) => !address.includes(hiddenMark));
  const unnamed = all.filter((resource) => resource.address.includes(hiddenMark) && isMade(resource));
  const isHidden = new Set([...unnamed, ...named.filter(({ id }) => id.includes(hiddenMark))].map(keyOf));
  const lost = [
    ...(await compared(control, job, { named: named.map(withoutHiddenId), state, isFromBefore: last === undefined })),
    ...unnamed.map((resource): LostResource => ({ ...resource, held: "unknown" })),
  ];
  const kept = lost.map((resource): KeptLost => ({ ...resource, isHidden: isHidden.has(keyOf(resource)) }));
  return keptLost(kept, kept.length + finished.forgotten);
}

const withoutHiddenId = (resource: FinishedResource): FinishedResource =>
  resource.id.includes(hiddenMark) ? { ...resource, id: "" } : resource;

const keyOf = ({ action, address }: FinishedResource): string => `${action} ${address}`;

async function currentState({ store }: Control, { workspaceId }: Job): Promise<StateVersion | undefined> {
  return store.read(async (q) => {
    const id = (await q.workspaces.get(workspaceId))?.currentStateId;
    return id == null ? undefined : q.states.get(id);
  });
}

interface Compared {
  readonly named: readonly FinishedResource[];
  readonly state: StateVersion | undefined;
  /** It is the one that the apply began with. */
  readonly isFromBefore: boolean;
}

async function compared(
  control: Control,
  job: Job,
  { named, state, isFromBefore }: Compared,
): Promise<readonly LostResource[]> {
  if (state === undefined) return lostResources(named, { objects: new Map(), isFromBefore });
  try {
    const { key: _isAskedOnce, ...source } = stateSource(control, state);
    return await control.documents.ask({ kind: "lost-resources", id: state.id, finished: named, isFromBefore }, source);
  } catch (error) {
    control.log.warn({ err: error, jobId: job.id }, "the last state of a lost apply cannot be looked into");
    return lostResources(named, { objects: undefined, isFromBefore });
  }
}
