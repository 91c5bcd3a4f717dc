import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { AgentGatewayService } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { abortable } from "../../src/lib/async/abort.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Fate, Road } from "./road.ts";
import { Wire, type WireObserver } from "./wire.ts";

type Header = Parameters<Transport["stream"]>[3];

export interface LineOptions {
  readonly road: Road;
  readonly clock: Clock;
  readonly server: () => ControlPlane | undefined;
  /** Decides about the next message. */
  readonly fateOf: (what: string) => Fate;
  readonly killAgent: () => void;
  readonly observer: WireObserver;
}

/** Carries the calls of one process of an agent, with the faults that its schedule asks for. */
export class Line implements Transport {
  readonly #options: LineOptions;
  readonly #wires = new Set<Wire>();
  readonly #dead = new AbortController();
  /** Uploads that arrive some steps later, although their sender has given them up. */
  #late: readonly LateCall[] = [];

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get wires(): readonly Wire[] {
    return [...this.#wires];
  }

  /** The agent's process ends; the server may hear of it only when its keep-alive does. */
  kill(isNoticed: boolean): void {
    this.#dead.abort(unavailable("the agent is dead"));
    for (const wire of this.#wires) wire.agentIsGone(isNoticed && this.#options.road.isOpen);
  }

  /** Breaks every stream, for both sides. */
  cut(): void {
    for (const wire of this.#wires) wire.cut();
  }

  /** The server's process ended. Beyond a closed road nobody hears of it yet. */
  serverDied(server: ControlPlane): void {
    for (const wire of this.#wires) if (wire.server === server) wire.serverIsGone(this.#options.road.isOpen);
  }

  /** Lets go of what was held up for a step. */
  release(): void {
    for (const wire of this.#wires) wire.release();
    const late = this.#late.map((call) => ({ ...call, steps: call.steps - 1 }));
    this.#late = late.filter(({ steps }) => steps > 0);
    for (const { attempt } of late.filter(({ steps }) => steps === 0)) void attempt().catch(() => {});
  }

  /** The road is open again. */
  reopened(): void {
    for (const wire of this.#wires) wire.roadIsOpen();
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: Header,
    input: MessageInitShape<I>,
    contextValues?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    return this.#call(method.name, signal, (server) =>
      server.transport.unary(method, signal, timeoutMs, header, input, contextValues),
    );
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: Header,
    input: AsyncIterable<MessageInitShape<I>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    if (method.name === AgentGatewayService.method.session.name) {
      const { road, clock, fateOf, killAgent, observer } = this.#options;
      const server = this.#reach();
      const wire: Wire = new Wire({
        ...{ road, clock, fateOf, killAgent, observer, server },
        onOver: () => this.#wires.delete(wire),
      });
      this.#wires.add(wire);
      return wire.open({ method, header, contextValues }, input, signal);
    }
    const parts = await Array.fromAsync(input);
    return this.#call(method.name, signal, async (server) => {
      const again = async function* () {
        yield* parts;
      };
      const response = await server.transport.stream(method, signal, timeoutMs, header, again(), contextValues);
      const items = await Array.fromAsync(response.message);
      const message = async function* () {
        yield* items;
      };
      return { ...response, message: message() };
    });
  }

  async #call<T>(
    what: string,
    signal: AbortSignal | undefined,
    call: (server: ControlPlane) => Promise<T>,
  ): Promise<T> {
    const server = this.#reach();
    const { fateOf, killAgent } = this.#options;
    const attempt = () => abortable(call(server), this.#dead.signal);
    const fate = fateOf(what);
    switch (fate) {
      case "deliver":
        break;
      case "lose":
        throw unavailable("lost");
      case "cut":
        this.cut();
        throw unavailable("cut");
      case "twice":
        await attempt().catch(() => {});
        break;
      case "late":
        if (what === "UploadState") {
          this.#late = [...this.#late, { attempt, steps: lateSteps }];
          throw unavailable("held up");
        }
        await attempt().catch(() => {});
        throw unavailable("the answer was lost");
      case "swap":
        await attempt().catch(() => {});
        throw unavailable("the answer was lost");
      case "agent dies":
        killAgent();
        break;
      case "agent dies after":
        await attempt().catch(() => {});
        killAgent();
        break;
      case "server dies":
        server.power.off();
        break;
      case "server dies after":
        await attempt().catch(() => {});
        server.power.off();
        break;
    }
    if (!server.power.isOn) throw unavailable("the server is gone");
    signal?.throwIfAborted();
    const answer = await attempt();
    if (!server.power.isOn) throw unavailable("the server is gone");
    return answer;
  }

  #reach(): ControlPlane {
    this.#dead.signal.throwIfAborted();
    const server = this.#options.server();
    if (server === undefined) throw unavailable("nobody listens");
    if (!this.#options.road.isOpen) throw unavailable("no route");
    return server;
  }
}

interface LateCall {
  readonly attempt: () => Promise<unknown>;
  readonly steps: number;
}

/** In this and the next one something else can be written and uploaded. */
const lateSteps = 3;

const unavailable = (why: string): ConnectError => new ConnectError(why, Code.Unavailable);
