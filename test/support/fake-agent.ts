import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Control } from "../../src/control/core/control.ts";
import { Liveness } from "../../src/control/sessions/liveness.ts";
import { type Introduction, type Registration, registerAgent } from "../../src/control/sessions/registration.ts";
import { serveSession } from "../../src/control/sessions/stream.ts";
import type { Principal } from "../../src/domain/people/principal.ts";
import {
  type AgentEnginesSchema,
  type JobResult,
  type JobResultSchema,
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
} from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobFeature, JobOutcome, JobStage } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import { OutQueue } from "../../src/lib/async/queue.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { heardFrom } from "../../src/rpc/streams/session-hearing.ts";
import { sha256 } from "./control.ts";
import { until } from "./until.ts";

type Sent = NonNullable<MessageInitShape<typeof SessionRequestSchema>["message"]>;
type Received = SessionResponse["message"];
type ResultChange = Pick<
  Exclude<MessageInitShape<typeof JobResultSchema>, JobResult>,
  | "outcome"
  | "errorMessage"
  | "hasChanges"
  | "planSha256"
  | "stateSerial"
  | "applyNotStarted"
  | "engine"
  | "engineVersion"
  | "counts"
  | "inFlight"
  | "resourcesInFlight"
>;
type Case = NonNullable<Received["case"]>;
type ValueOf<C extends Case> = (Received & { case: C })["value"];

export const introduction = (over: Partial<Introduction> = {}): Introduction => ({
  incarnation: systemRandom.uuid(),
  bootId: systemRandom.uuid(),
  name: "vm-1",
  version: "0.0.0",
  minimumProtocol: 1,
  maximumProtocol: 1,
  os: "linux",
  arch: "x64",
  labels: {},
  concurrency: 1,
  sandbox: "none",
  address: "10.0.0.7",
  httpVersion: "",
  place: "",
  ...over,
});

/** An agent that speaks the real protocol to the real session code, with no network between them and no terraform behind. */
export class FakeAgent implements AsyncDisposable {
  readonly said: Introduction;
  readonly registration: Registration;
  readonly liveness: Liveness;
  readonly received: Received[] = [];
  readonly #outgoing = new OutQueue<SessionRequest>({ maxItems: 10_000, maxBytes: 100_000_000 });
  readonly #ended: Promise<void>;
  readonly #cut = new AbortController();
  #failure: unknown;
  #isOver = false;

  private constructor(control: Control, registration: Registration, said: Introduction, liveness: Liveness) {
    this.said = said;
    this.registration = registration;
    this.liveness = liveness;
    const who: Principal = { kind: "agent_session", agentId: registration.agent.id };
    const stream = { incoming: heardFrom(this.#outgoing), signal: this.#cut.signal, address: said.address };
    this.#ended = this.#listen(serveSession(control, liveness, { who, stream }));
  }

  /** Registers, says hello with the held jobs, and waits for the welcome. */
  static async connect(
    control: Control,
    who: Principal,
    { said = introduction(), held = [], liveness = new Liveness(), ...announced }: ConnectOptions = {},
  ): Promise<FakeAgent> {
    const agent = new FakeAgent(control, await registerAgent(control, who, said), said, liveness);
    agent.hello(held, announced);
    await agent.next("welcome");
    return agent;
  }

  /** Opens another stream with an earlier registration, and says hello without waiting for an answer. */
  static again(control: Control, before: FakeAgent, { said = before.said, held = [] }: ConnectOptions = {}): FakeAgent {
    const agent = new FakeAgent(control, before.registration, said, before.liveness);
    agent.hello(held);
    return agent;
  }

  hello(
    held: NonNullable<ConnectOptions["held"]>,
    { engines, features = knownToday }: Pick<ConnectOptions, "engines" | "features"> = {},
  ): void {
    const { incarnation, bootId } = this.said;
    const jobs = held.map(({ id, epoch, stage = JobStage.RUNNING }) => ({
      claim: { jobId: id, epoch: BigInt(epoch) },
      stage,
    }));
    const announced = engines === undefined ? {} : { engines };
    this.send({ case: "hello", value: { incarnation, bootId, jobs, features: [...features], ...announced } });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get failure(): unknown {
    return this.#failure;
  }

  send(message: Sent): void {
    this.#outgoing.push("control", create(SessionRequestSchema, { message }), 1);
  }

  /** The next message of a kind, which is taken out of `received`. */
  async next<C extends Case>(kind: C): Promise<ValueOf<C>> {
    const isWanted = (message: Received): message is Received & { case: C } => message.case === kind;
    const found = await until(`a ${kind}`, () => this.received.find(isWanted), {
      everyMs: 2,
      seen: () => [this.received.map((message) => message.case), String(this.#failure)],
    });
    this.received.splice(this.received.indexOf(found), 1);
    return found.value as ValueOf<C>;
  }

  /** Asks to start a job, and answers the decision. */
  async start(
    job: { readonly id: string; readonly epoch: number },
    incarnation = this.said.incarnation,
    engineMissing = "",
  ) {
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    this.send({ case: "startRequest", value: { claim, incarnation, engineMissing } });
    return this.next("startDecision");
  }

  /** Sends the bytes of a log from an offset, and answers the acknowledgement. */
  async log(job: { readonly id: string; readonly epoch: number }, offset: number, text: string) {
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    this.send({ case: "logChunk", value: { claim, offset: BigInt(offset), chunk: Buffer.from(text) } });
    return this.next("logAck");
  }

  /** Reports the end of a job whose whole log is `log`, and answers the acknowledgement. */
  async report(job: { readonly id: string; readonly epoch: number }, log: string, over: ResultChange = {}) {
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    const value = {
      claim,
      outcome: JobOutcome.FINISHED,
      logBytes: BigInt(log.length),
      logSha256: sha256(log),
      ...over,
    };
    this.send({ case: "jobResult", value });
    return this.next("resultAck");
  }

  /** Ends the stream as a broken network does. */
  async cut(): Promise<void> {
    this.#cut.abort();
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  async #listen(responses: AsyncIterable<SessionResponse>): Promise<void> {
    try {
      for await (const { message } of responses) this.received.push(message);
    } catch (error) {
      this.#failure = error;
    }
    this.#isOver = true;
  }
}

export interface ConnectOptions {
  readonly said?: Introduction;
  readonly held?: readonly { readonly id: string; readonly epoch: number; readonly stage?: JobStage }[];
  /** What it says that its jobs can have; nothing if absent. */
  readonly engines?: MessageInitShape<typeof AgentEnginesSchema> | undefined;
  /** Which later options of jobs it knows; all of them if absent. */
  readonly features?: readonly JobFeature[];
  readonly liveness?: Liveness;
}

const knownToday = [
  ...[JobFeature.EXCLUDES, JobFeature.SUPPRESS_FORGET_ERRORS],
  ...[JobFeature.GENERATE_CONFIGURATION, JobFeature.DEBUG],
];
