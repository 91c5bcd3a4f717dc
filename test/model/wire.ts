import type { DescMessage, DescMethodStreaming, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, type StreamResponse, type Transport } from "@connectrpc/connect";
import type { SessionRequest, SessionResponse } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { abortable } from "../../src/lib/async/abort.ts";
import { OutQueue } from "../../src/lib/async/queue.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { ControlPlane } from "./control-plane.ts";
import { type Fate, keepAliveMs, type Road } from "./road.ts";

/** Sees each message in the moment in which it is sent, whatever becomes of it. */
export interface WireObserver {
  readonly fromAgent: (message: SessionRequest["message"]) => void;
  readonly fromServer: (wire: Wire, message: SessionResponse["message"]) => void;
}

export interface WireOptions {
  readonly road: Road;
  readonly clock: Clock;
  readonly server: ControlPlane;
  readonly fateOf: (what: string) => Fate;
  readonly killAgent: () => void;
  readonly observer: WireObserver;
  readonly onOver: () => void;
}

export interface Call<I extends DescMessage, O extends DescMessage> {
  readonly method: DescMethodStreaming<I, O>;
  readonly header: Parameters<Transport["stream"]>[3];
  readonly contextValues: ContextValues | undefined;
}

type Anything = SessionRequest | SessionResponse;

interface HeldUp {
  readonly item: Anything;
  readonly to: OutQueue<Anything>;
  readonly isSwap: boolean;
  stepsLeft: number;
}

const roomy = { maxItems: 1e6, maxBytes: 1e12 };

/** One session stream, in both directions. */
export class Wire {
  readonly server: ControlPlane;
  /** As the server's welcome named it. */
  sessionEpoch = 0n;
  /** As the agent's hello named it. */
  incarnation = "";
  /** True from the first answer of the server until its side has ended. */
  isOpenAtServer = false;
  readonly #options: WireOptions;
  readonly #toServer = new OutQueue<Anything>(roomy);
  readonly #toAgent = new OutQueue<Anything>(roomy);
  readonly #serverSide = new AbortController();
  readonly #agentSide = new AbortController();
  #heldUp: HeldUp[] = [];
  #isCut = false;
  #isServerGone = false;

  constructor(options: WireOptions) {
    this.#options = options;
    this.server = options.server;
  }

  async open<I extends DescMessage, O extends DescMessage>(
    { method, header, contextValues }: Call<I, O>,
    input: AsyncIterable<MessageInitShape<I>>,
    signal: AbortSignal | undefined,
  ): Promise<StreamResponse<I, O>> {
    signal?.addEventListener("abort", () => this.agentIsGone(this.#options.road.isOpen), { once: true });
    void this.#carry(input as AsyncIterable<Anything>, this.#toServer, true);
    const requests = this.#toServer as unknown as AsyncIterable<MessageInitShape<I>>;
    const answer = this.server.transport.stream(
      method,
      this.#serverSide.signal,
      undefined,
      header,
      requests,
      contextValues,
    );
    const response = await abortable(answer, this.#agentSide.signal);
    const transit = new OutQueue<Anything>(roomy);
    void this.#carry(transit, this.#toAgent, false).finally(() => this.#options.onOver());
    this.isOpenAtServer = true;
    void this.#hear(response.message as AsyncIterable<Anything>, transit);
    return { ...response, message: this.#toAgent as unknown as typeof response.message };
  }

  /** The agent's end is gone. A server that cannot notice keeps its own end until its keep-alive fails. */
  agentIsGone(isNoticed: boolean): void {
    this.#breakAgentSide("the agent's end is gone");
    if (isNoticed) this.#breakServerSide();
    else
      this.#options.clock.sleep(keepAliveMs, this.#serverSide.signal).then(
        () => this.#breakServerSide(),
        () => {},
      );
  }

  serverIsGone(isNoticed: boolean): void {
    this.#isServerGone = true;
    this.#breakServerSide();
    if (isNoticed) this.#breakAgentSide("the server is gone");
  }

  cut(): void {
    this.#breakAgentSide("the stream was cut");
    this.#breakServerSide();
  }

  roadIsOpen(): void {
    if (this.#isServerGone) this.#breakAgentSide("the server is gone");
  }

  /** A step is over: what was held up goes on. */
  release(): void {
    for (const held of this.#heldUp) held.stepsLeft--;
    const free = this.#heldUp.filter(({ stepsLeft }) => stepsLeft <= 0);
    this.#heldUp = this.#heldUp.filter((held) => !free.includes(held));
    for (const { to, item } of free) to.push("control", item, 1);
  }

  #breakAgentSide(why: string): void {
    this.#isCut = true;
    const reason = new ConnectError(why, Code.Unavailable);
    this.#toAgent.close(reason);
    this.#agentSide.abort(reason);
  }

  #breakServerSide(): void {
    this.#isCut = true;
    this.#toServer.close();
    this.#serverSide.abort(new ConnectError("the stream is gone", Code.Canceled));
    this.#options.onOver();
  }

  /** Takes what the server says as soon as it says it: the rest of the way may be long. */
  async #hear(answers: AsyncIterable<Anything>, transit: OutQueue<Anything>): Promise<void> {
    try {
      for await (const answer of answers) transit.push("control", answer, 1);
      transit.end();
    } catch (error) {
      transit.close(error);
    }
    this.isOpenAtServer = false;
  }

  async #carry(items: AsyncIterable<Anything>, to: OutQueue<Anything>, isFromAgent: boolean): Promise<void> {
    try {
      for await (const item of items) {
        const what = this.#see(item, isFromAgent);
        await this.#options.road.passage();
        if (this.#isCut) return;
        this.#meet(this.#options.fateOf(what), item, to);
      }
      await this.#options.road.passage();
      if (this.#isCut) return;
      for (const held of this.#heldUp.filter((one) => one.to === to)) to.push("control", held.item, 1);
      to.end();
    } catch (error) {
      to.close(error);
    }
  }

  #see({ message }: Anything, isFromAgent: boolean): string {
    const { observer } = this.#options;
    if (isFromAgent) {
      const said = message as SessionRequest["message"];
      if (said.case === "hello") this.incarnation = said.value.incarnation;
      observer.fromAgent(said);
    } else {
      const answer = message as SessionResponse["message"];
      if (answer.case === "welcome") this.sessionEpoch = answer.value.sessionEpoch;
      if (this.server.power.isOn) observer.fromServer(this, answer);
    }
    return `${isFromAgent ? ">" : "<"}${message.case ?? "?"}`;
  }

  #meet(fate: Fate, item: Anything, to: OutQueue<Anything>): void {
    const { killAgent } = this.#options;
    const killServer = () => this.server.power.off();
    if (fate === "deliver" || fate.endsWith("after") || fate === "twice") this.#deliver(item, to);
    switch (fate) {
      case "twice":
        this.#deliver(item, to);
        break;
      case "swap":
        this.#heldUp.push({ item, to, isSwap: true, stepsLeft: 1 });
        break;
      case "late":
        this.#heldUp.push({ item, to, isSwap: false, stepsLeft: 2 });
        break;
      case "cut":
        this.cut();
        break;
      case "agent dies":
        killAgent();
        break;
      case "agent dies after":
        void afterTurns(killAgent);
        break;
      case "server dies":
        killServer();
        break;
      case "server dies after":
        void afterTurns(killServer);
        break;
      case "deliver":
      case "lose":
        break;
    }
  }

  #deliver(item: Anything, to: OutQueue<Anything>): void {
    to.push("control", item, 1);
    const swapped = this.#heldUp.filter((held) => held.isSwap && held.to === to);
    this.#heldUp = this.#heldUp.filter((held) => !swapped.includes(held));
    for (const held of swapped) to.push("control", held.item, 1);
  }
}

/** Long enough for the other side to have begun to act on a message. */
async function afterTurns(act: () => void): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  act();
}
