import { createHash, randomUUID } from "node:crypto";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { expect } from "vitest";
import { type Message, messageAt, type PlainClient, textAt } from "./plain-grpc.ts";

/** A registered agent. */
export interface RegisteredAgent {
  readonly identity: { readonly incarnation: string; readonly bootId: string };
  readonly sessionToken: string;
}

/** Registers an agent called "plain" with an agent token. */
export async function registerAgent(client: PlainClient, token: string): Promise<RegisteredAgent> {
  const identity = { incarnation: randomUUID(), bootId: randomUUID() };
  const facts = { name: "plain", version: "0.0.1", os: "linux", arch: "x64", sandbox: "none" };
  const answer = await client.unary(
    { rpc: "windlass.agent.v1.AgentGatewayService/Register", token },
    { ...identity, ...facts, minimumProtocol: 1, maximumProtocol: 1, concurrency: 1 },
  );
  expect(textAt(answer, "agentId")).toMatch(/^agent_/);
  return { identity, sessionToken: textAt(answer, "sessionToken") };
}

/** Says hello, is welcomed, and sends one heartbeat. */
export async function startConversation(client: PlainClient, agent: RegisteredAgent): Promise<AgentConversation> {
  const rpc = "windlass.agent.v1.AgentGatewayService/Session";
  const session = new AgentConversation(client.talk({ rpc, token: agent.sessionToken }), agent.identity.incarnation);
  session.say({ hello: agent.identity });
  await session.hear("welcome");
  session.say({ heartbeat: { freeDiskBytes: 1_000_000_000 } });
  await session.hear("heartbeatReply");
  return session;
}

interface Result {
  readonly log: string;
  readonly [field: string]: unknown;
}

/** One session stream, seen from the agent. */
export class AgentConversation implements AsyncDisposable {
  readonly #stream: ClientDuplexStream<Message, Message>;
  readonly #incarnation: string;
  readonly #answers: AsyncIterator<Message>;
  readonly #unread: Message[] = [];

  constructor(stream: ClientDuplexStream<Message, Message>, incarnation: string) {
    this.#stream = stream;
    this.#incarnation = incarnation;
    this.#answers = stream[Symbol.asyncIterator]();
  }

  say(message: Message): void {
    this.#stream.write(message);
  }

  /** The next message of this kind; the others are kept for later. */
  async hear(kind: string): Promise<Message> {
    const at = this.#unread.findIndex(({ message }) => message === kind);
    if (at >= 0) return messageAt(this.#unread.splice(at, 1)[0] ?? {}, kind);
    for (;;) {
      const next = await this.#answers.next();
      if (next.done === true) throw new Error(`the server ended the stream before it sent ${kind}`);
      if (next.value.message === kind) return messageAt(next.value, kind);
      this.#unread.push(next.value);
    }
  }

  /** Takes the next offer, which must be of this phase, and is allowed to start it. */
  async startJob(phase: string): Promise<{ readonly claim: Message; readonly token: string }> {
    const { job } = await this.hear("offer");
    expect(job).toMatchObject({ phase, workspace: "hello" });
    const claim = messageAt(job as Message, "claim");
    this.say({ startRequest: { claim, incarnation: this.#incarnation } });
    expect(await this.hear("startDecision")).toMatchObject({ granted: true, claim, incarnation: this.#incarnation });
    return { claim, token: textAt(job as Message, "jobToken") };
  }

  async sendLog(claim: Message, text: string): Promise<void> {
    this.say({ logChunk: { claim, offset: 0, chunk: Buffer.from(text) } });
    expect(await this.hear("logAck")).toMatchObject({ nextOffset: String(Buffer.byteLength(text)), rewind: false });
  }

  async finish(claim: Message, { log, ...facts }: Result): Promise<void> {
    const logSha256 = createHash("sha256").update(log).digest("hex");
    const result = { claim, outcome: "JOB_OUTCOME_FINISHED", logBytes: Buffer.byteLength(log), logSha256, ...facts };
    this.say({ jobResult: result });
    expect(await this.hear("resultAck")).toMatchObject({ claim, sealed: true });
  }

  /** Says good-bye; the server then ends the stream with OK. */
  async leave(): Promise<void> {
    this.say({ goodbye: { reason: "the test is over" } });
    this.#stream.end();
    while ((await this.#answers.next()).done !== true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stream.closed) return;
    this.#stream.on("error", () => {});
    this.#stream.cancel();
  }
}
