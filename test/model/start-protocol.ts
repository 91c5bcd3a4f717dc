/**
 * Executable specification: an apply is executed at most once.
 *
 * One apply job, a server and two agents, a and b. The network may lose, duplicate, reorder and delay messages without
 * bound. The server is a transactional database: a crash changes nothing that was committed. Agents lose memory in a crash
 * and keep the journal on disk; a wipe loses the disk too, with the same identity, so the incarnation goes up. Leases may
 * expire at any time: a paused agent looks exactly like a dead one.
 */
export interface Rules {
  /** A StartRequest/StartGranted hand-shake comes before exec. */
  readonly grant: boolean;
  /** A started apply is never queued again: it becomes INTERRUPTED. */
  readonly noRequeue: boolean;
  /** The server compares the epoch and holder of a request with the current ones. */
  readonly epoch: boolean;
  /** "exec e" is on disk before exec, and a second exec of e is refused. */
  readonly journal: boolean;
  /** A grant is bound to the incarnation of the journal. */
  readonly incarnation: boolean;
}

export const allRules: Rules = { grant: true, noRequeue: true, epoch: true, journal: true, incarnation: true };

export type Verdict =
  /** No reachable state has two executions; every state within the bounds was visited. */
  | { readonly kind: "holds"; readonly states: number }
  | { readonly kind: "violated"; readonly trace: readonly string[] }
  | { readonly kind: "unfinished"; readonly states: number };

const bounds = { crashes: 2, wipes: 1, expiries: 2, states: 3_000_000 };
const agentNames = ["a", "b"] as const;
type AgentName = (typeof agentNames)[number];

type Message =
  | { readonly kind: "offer"; readonly to: AgentName; readonly epoch: number }
  | { readonly kind: "start"; readonly from: AgentName; readonly epoch: number; readonly incarnation: number }
  | { readonly kind: "granted"; readonly to: AgentName; readonly epoch: number; readonly incarnation: number };

interface Agent {
  journal: number[];
  incarnation: number;
}

interface World {
  status: "QUEUED" | "OFFERED" | "STARTED" | "INTERRUPTED";
  epoch: number;
  holder: AgentName | null;
  grantedTo: number | null;
  executions: string[];
  network: string[];
  agents: Record<AgentName, Agent>;
  crashes: number;
  wipes: number;
  expiries: number;
}

const initial: World = {
  status: "QUEUED",
  epoch: 0,
  holder: null,
  grantedTo: null,
  executions: [],
  network: [],
  agents: { a: { journal: [], incarnation: 0 }, b: { journal: [], incarnation: 0 } },
  crashes: 0,
  wipes: 0,
  expiries: 0,
};

type Step = readonly [label: string, next: World];

const clone = (world: World): World => ({
  ...world,
  executions: [...world.executions],
  network: [...world.network],
  agents: {
    a: { ...world.agents.a, journal: [...world.agents.a.journal] },
    b: { ...world.agents.b, journal: [...world.agents.b.journal] },
  },
});

function send(world: World, message: Message): void {
  const key = JSON.stringify(message);
  if (world.network.includes(key)) return;
  world.network.push(key);
  world.network.sort();
}

/** Records an execution, unless the agent's journal already has one for this epoch. */
function exec(world: World, name: AgentName, epoch: number): boolean {
  const agent = world.agents[name];
  if (agent.journal.includes(epoch)) return false;
  agent.journal.push(epoch);
  world.executions.push(`${name}:e${epoch}:i${agent.incarnation}`);
  return true;
}

function* steps(world: World, rules: Rules): Generator<Step> {
  yield* serverSteps(world, rules);
  for (const key of world.network) {
    const message: Message = JSON.parse(key);
    if (message.kind === "offer") yield* onOffer(world, rules, message);
    if (message.kind === "start") yield* onStart(world, rules, message);
    if (message.kind === "granted") yield* onGranted(world, rules, message);
    const next = clone(world);
    next.network = next.network.filter((other) => other !== key);
    yield ["lose", next];
  }
  for (const name of agentNames) yield* agentSteps(world, rules, name);
}

function* serverSteps(world: World, rules: Rules): Generator<Step> {
  if (world.status === "QUEUED") {
    for (const name of agentNames) {
      const next = clone(world);
      next.epoch++;
      next.status = rules.grant ? "OFFERED" : "STARTED";
      next.holder = name;
      next.grantedTo = null;
      send(next, { kind: "offer", to: name, epoch: next.epoch });
      yield [`offer->${name} e${next.epoch}`, next];
    }
  }
  const isLeased = world.status === "OFFERED" || world.status === "STARTED";
  if (!isLeased || world.expiries >= bounds.expiries) return;
  const next = clone(world);
  next.expiries++;
  if (world.status === "OFFERED" || !rules.noRequeue || !rules.grant) {
    next.status = "QUEUED";
    next.holder = null;
  } else next.status = "INTERRUPTED";
  yield [`expire(${world.status})`, next];
}

function* onOffer(world: World, rules: Rules, { to, epoch }: Extract<Message, { kind: "offer" }>): Generator<Step> {
  const next = clone(world);
  if (!rules.grant) {
    if (exec(next, to, epoch)) yield [`${to} EXEC on offer e${epoch}`, next];
    return;
  }
  send(next, { kind: "start", from: to, epoch, incarnation: next.agents[to].incarnation });
  yield [`${to} start-request e${epoch}`, next];
}

function* onStart(world: World, rules: Rules, message: Extract<Message, { kind: "start" }>): Generator<Step> {
  const { from, epoch, incarnation } = message;
  if (rules.epoch && epoch !== world.epoch) return;
  const next = clone(world);
  const granted: Message = { kind: "granted", to: from, epoch, incarnation };
  if (world.status === "OFFERED" && (!rules.epoch || world.holder === from)) {
    next.status = "STARTED";
    next.holder = from;
    next.grantedTo = incarnation;
    send(next, granted);
    yield [`grant ${from} e${epoch} i${incarnation}`, next];
  } else if (
    world.status === "STARTED" &&
    world.holder === from &&
    (!rules.incarnation || world.grantedTo === incarnation)
  ) {
    send(next, granted);
    yield [`re-grant ${from} e${epoch} i${incarnation}`, next];
  }
}

function* onGranted(world: World, rules: Rules, message: Extract<Message, { kind: "granted" }>): Generator<Step> {
  const { to, epoch, incarnation } = message;
  const next = clone(world);
  if (rules.incarnation && next.agents[to].incarnation !== incarnation) return;
  if (exec(next, to, epoch)) yield [`${to} EXEC e${epoch}`, next];
}

function* agentSteps(world: World, rules: Rules, name: AgentName): Generator<Step> {
  if (world.crashes < bounds.crashes) {
    const next = clone(world);
    next.crashes++;
    if (!rules.journal) next.agents[name].journal = [];
    yield [`crash ${name}`, next];
  }
  if (world.wipes < bounds.wipes) {
    const next = clone(world);
    next.wipes++;
    next.agents[name] = { journal: [], incarnation: world.agents[name].incarnation + 1 };
    yield [`wipe ${name}`, next];
  }
  // A restarted agent asks again for what the server says it holds.
  const isHeld = (world.status === "STARTED" || world.status === "OFFERED") && world.holder === name;
  if (!rules.grant || !isHeld) return;
  const next = clone(world);
  send(next, { kind: "start", from: name, epoch: world.epoch, incarnation: world.agents[name].incarnation });
  yield [`resume ${name}`, next];
}

/** Searches breadth first and stops at the first state with two executions, so that a trace is a shortest one. */
export function check(rules: Rules): Verdict {
  const first = JSON.stringify(initial);
  const seen = new Set([first]);
  const queue: (string | undefined)[] = [first];
  const parent = [-1];
  const label = ["init"];
  for (let head = 0; head < queue.length; head++) {
    if (queue.length >= bounds.states) return { kind: "unfinished", states: head };
    const world: World = JSON.parse(queue[head] ?? "");
    queue[head] = undefined;
    if (world.executions.length > 1) return { kind: "violated", trace: traceTo(head, parent, label) };
    for (const [step, next] of steps(world, rules)) {
      const key = JSON.stringify(next);
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push(key);
      parent.push(head);
      label.push(step);
    }
  }
  return { kind: "holds", states: seen.size };
}

function traceTo(head: number, parent: readonly number[], label: readonly string[]): readonly string[] {
  const trace: string[] = [];
  for (let at = head; at > 0; at = parent[at] ?? 0) trace.unshift(label[at] ?? "");
  return trace;
}
