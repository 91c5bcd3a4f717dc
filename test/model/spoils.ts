import { Presence } from "../../src/control/core/presence.ts";
import type { SessionResponse } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import type { LogStore } from "../../src/store/ports/logs.ts";
import type { Queries, Store } from "../../src/store/ports/store.ts";
import type { Forgets } from "./model-agent.ts";

/** What is made wrong on purpose, for schedules that must find it. */
export interface Spoil {
  /** Puts a faulty part in the place of a right one. */
  readonly logs?: (logs: LogStore) => LogStore;
  readonly store?: (store: Store) => Store;
  readonly presence?: () => Presence;
  /** What a crash of an agent takes from its disk. */
  readonly forgets?: Forgets;
  /** Changes what the server says. */
  readonly says?: (message: SessionResponse["message"]) => void;
}

type Changed = (q: Queries) => Partial<Queries>;

const withQueries =
  (changed: Changed) =>
  (store: Store): Store => {
    const faulty = (q: Queries): Queries => ({ ...q, ...changed(q) });
    return {
      engine: store.engine,
      changes: store.changes,
      read: (fn) => store.read((q) => fn(faulty(q))),
      write: (fn) => store.write((q) => fn(faulty(q))),
      step: (fn) => store.step((q) => fn(faulty(q))),
      space: () => store.space(),
      giveBack: (pages) => store.giveBack(pages),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  };

/** Acknowledges every third append without storing it. */
export const forgetfulLogs: Spoil = {
  logs: (logs) => {
    let appends = 0;
    return {
      append: async (stream, offset, bytes) =>
        ++appends % 3 === 0
          ? { kind: "appended", nextOffset: offset + bytes.length, addedBytes: bytes.length }
          : logs.append(stream, offset, bytes),
      nextOffset: (stream) => logs.nextOffset(stream),
      seal: (stream, length, sha256) => logs.seal(stream, length, sha256),
      sealWithGap: (stream, missingBytes) => logs.sealWithGap(stream, missingBytes),
      reopen: (stream) => logs.reopen(stream),
      read: (stream, offset, maxBytes) => logs.read(stream, offset, maxBytes),
      times: (stream, from, to) => logs.times(stream, from, to),
      list: (after, limit) => logs.list(after, limit),
      archive: (stream, move) => logs.archive(stream, move),
      empty: (stream) => logs.empty(stream),
      delete: (stream) => logs.delete(stream),
      space: () => logs.space(),
      giveBack: (pages) => logs.giveBack(pages),
      [Symbol.asyncDispose]: () => logs[Symbol.asyncDispose](),
    };
  },
};

/** I1 broken: an agent that is started again does not know that it has executed an apply. */
export const forgottenExecutions: Spoil = { forgets: "executions" };

export const forgottenInterrupts: Spoil = { forgets: "interrupts" };

/** I1 broken: an apply whose lease is over goes back to the queue. */
export const requeuedApplies: Spoil = {
  store: withQueries(({ jobs, runs }) => ({
    jobs: {
      ...jobs,
      saveIf: (row, expected) =>
        jobs.saveIf(
          row.status === "interrupted"
            ? { ...row, status: "queued", agentId: null, agentName: null, incarnation: null, endedAt: null }
            : row,
          expected,
        ),
    },
    runs: {
      ...runs,
      save: (row) =>
        runs.save(row.errorMessage.includes("lost during the apply") ? { ...row, status: "apply_queued" } : row),
    },
  })),
};

/** The lock goes with the lost agent. */
export const freedWorkspaces: Spoil = {
  store: withQueries((q) => ({
    runs: {
      ...q.runs,
      save: async (row) => {
        await q.runs.save(row);
        const workspace = row.status === "errored" ? await q.workspaces.get(row.workspaceId) : undefined;
        if (workspace !== undefined) await q.workspaces.save({ ...workspace, lock: null });
      },
    },
  })),
};

/** Takes every state of an apply but stores only the first, and believes afterwards that it has the others too. */
export const forgottenStates: Spoil = {
  store: withQueries(({ states }) => ({
    states: {
      ...states,
      insert: async (row) => {
        if (row.jobId === null || (await states.newestOfJob(row.jobId)) === undefined) await states.insert(row);
      },
      lastWord: (jobId) => states.newestOfJob(jobId),
    },
  })),
};

/**
 * Of the states of a job, one whose serial is not higher than those before it is taken for what is known under that
 * serial.
 */
export const strictSerials: Spoil = {
  store: withQueries(({ states }) => ({
    states: {
      ...states,
      insert: async (row) => {
        const newest = row.jobId === null ? undefined : await states.newestOfJob(row.jobId);
        const isKnown = newest !== undefined && row.serial <= newest.serial;
        await states.insert(isKnown ? { ...row, sha256: newest.sha256, bytes: newest.bytes } : row);
      },
      lastWord: (jobId) => states.newestOfJob(jobId),
    },
  })),
};

/** An apply that brings no state is called errored. */
export const stubbornLosses: Spoil = {
  store: withQueries(({ jobs, states }) => ({
    jobs: {
      ...jobs,
      saveIf: async (row, expected) => {
        const isLoss =
          row.phase === "apply" && row.status === "finished" && (await states.newestOfJob(row.id)) === undefined;
        return jobs.saveIf(isLoss ? { ...row, status: "errored" } : row, expected);
      },
    },
  })),
};

/** Nobody remembers the order in which a job wrote its states: the one that comes last counts. */
export const forgottenOrder: Spoil = {
  store: withQueries(({ states }) => ({
    states: {
      ...states,
      newestOfJob: async (jobId) => {
        const newest = await states.newestOfJob(jobId);
        return newest === undefined ? undefined : { ...newest, jobSequence: 0 };
      },
    },
  })),
};

/** Whatever state comes last is the workspace's. */
export const unguardedStates: Spoil = {
  store: withQueries(({ states, workspaces }) => ({
    states: {
      ...states,
      insert: async (row) => {
        await states.insert({ ...row, status: "current", quarantineReason: "" });
        const workspace = await workspaces.get(row.workspaceId);
        if (workspace !== undefined) await workspaces.save({ ...workspace, currentStateId: row.id });
      },
    },
  })),
};

/** The sweeper finds no lease that is over. */
export const endlessLeases: Spoil = {
  store: withQueries(({ jobs }) => ({ jobs: { ...jobs, overdue: async () => [] } })),
};

/** A saved plan is said to be made of what is the workspace's state when it starts, whatever its agent was given before. */
export const lateBases: Spoil = {
  store: withQueries(({ runs, workspaces }) => ({
    runs: {
      ...runs,
      save: async (row) => {
        const { options, status, workspaceId } = row;
        const isNoted = options.isSavedPlan === true && status === "planning";
        const current = isNoted ? (await workspaces.get(workspaceId))?.currentStateId : undefined;
        await runs.save(current === undefined ? row : { ...row, baseStateId: current });
      },
    },
  })),
};

/** Agents are told to cancel what nobody wants canceled. */
export const unwantedCancels: Spoil = {
  says: (message) => {
    if (message.case !== "heartbeatReply") return;
    for (const job of message.value.jobs) if (job.desired === DesiredState.RUN) job.desired = DesiredState.CANCEL;
  },
};

/** An older stream of an agent is left open, because nobody finds it. */
export const openStreams: Spoil = {
  presence: () => new BlindPresence(),
};

class BlindPresence extends Presence {
  override get(): undefined {
    return undefined;
  }
}
