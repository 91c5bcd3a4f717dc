import { randomUUID } from "node:crypto";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  RegisterRequestSchema,
  RegisterResponseSchema,
  SessionRequestSchema,
  SessionResponseSchema,
} from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { dial, frameOf, messagesOf, openCall, rawUnary } from "./raw-grpc.ts";

/** Many agents that do nothing, each on a connection of its own: `fleet-agents.ts URL COUNT`, the token in FLEET_TOKEN. */

const gateway = "/windlass.agent.v1.AgentGatewayService";
const [url = "", count = "0"] = process.argv.slice(2);
const token = process.env.FLEET_TOKEN ?? "";

/** What the fleet tells its parent. */
export type FleetNews =
  | { readonly kind: "all-connected"; readonly count: number }
  | { readonly kind: "heartbeats"; readonly ms: readonly number[] };

const tell = (news: FleetNews): void => void process.send?.(news);

let connected = 0;
let beats: number[] = [];

function isConnected(by: 1 | -1): void {
  connected += by;
  if (by === 1 && connected === Number(count)) tell({ kind: "all-connected", count: connected });
}

class FleetAgent {
  readonly #identity = { incarnation: randomUUID(), bootId: randomUUID() };
  readonly #name: string;
  #sessionToken: string | undefined;
  #beat: NodeJS.Timeout | undefined;
  #askedAt = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Connects, and again whenever the connection breaks. */
  async live(): Promise<never> {
    for (;;) {
      const session = dial(url);
      await this.#converse(session).catch(() => {});
      session.destroy();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
    }
  }

  async #converse(session: ClientHttp2Session): Promise<void> {
    this.#sessionToken ??= await this.#register(session);
    const stream = openCall(session, { path: `${gateway}/Session`, token: this.#sessionToken });
    let isWelcome = false;
    const ended = messagesOf(stream, (bytes) => {
      const { message } = fromBinary(SessionResponseSchema, bytes);
      if (message.case === "heartbeatReply") beats.push(performance.now() - this.#askedAt);
      if (message.case !== "welcome") return;
      isWelcome = true;
      isConnected(1);
      const { heartbeatInterval } = message.value;
      this.#beatEvery(stream, heartbeatInterval === undefined ? 10_000 : durationMs(heartbeatInterval));
    });
    const say = { case: "hello" as const, value: { ...this.#identity, lastSessionEpoch: 0n } };
    stream.write(message(say));
    try {
      await ended;
    } finally {
      clearTimeout(this.#beat);
      if (isWelcome) isConnected(-1);
    }
  }

  #beatEvery(stream: ClientHttp2Stream, ms: number): void {
    const next = () => {
      this.#askedAt = performance.now();
      stream.write(message({ case: "heartbeat", value: {} }));
      this.#beat = setTimeout(next, ms * (0.8 + 0.4 * Math.random()));
    };
    this.#beat = setTimeout(next, ms * Math.random());
  }

  async #register(session: ClientHttp2Session): Promise<string> {
    const asked = create(RegisterRequestSchema, {
      ...this.#identity,
      ...{ name: this.#name, version: "0.1.0", minimumProtocol: 1, maximumProtocol: 1 },
      ...{ os: "linux", arch: "x64", concurrency: 1, sandbox: "none" },
    });
    const forms = { input: RegisterRequestSchema, message: asked, output: RegisterResponseSchema };
    return (await rawUnary(session, { path: `${gateway}/Register`, token }, forms)).sessionToken;
  }
}

const message = (said: MessageInitShape<typeof SessionRequestSchema>["message"]): Buffer =>
  frameOf(SessionRequestSchema, create(SessionRequestSchema, said === undefined ? {} : { message: said }));

process.on("message", () => {
  tell({ kind: "heartbeats", ms: beats });
  beats = [];
});
process.on("disconnect", () => process.exit(0));
for (let i = 1; i <= Number(count); i++) void new FleetAgent(`fleet-${i}`).live();
