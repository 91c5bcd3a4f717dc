import { EventEmitter } from "node:events";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { Connections, defaultConnectionLimits as limits } from "./connections.ts";

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  isDestroyed = false;

  constructor(remoteAddress: string, remotePort: number) {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.emit("close");
  }
}

/** A session over its socket; a peer that is told to go hangs up, or does not. */
class FakeSession extends EventEmitter {
  readonly destroyed = false;
  readonly socket: FakeSocket;
  wasSentAway = false;
  readonly #hangsUp: boolean;

  constructor(socket: FakeSocket, hangsUp: boolean) {
    super();
    this.socket = socket;
    this.#hangsUp = hangsUp;
  }

  close(): void {
    this.wasSentAway = true;
    if (this.#hangsUp) this.socket.destroy();
  }
}

class Port {
  readonly clock = new ManualClock();
  readonly connections = new Connections(this.clock, limits);
  readonly #over = new AbortController();
  readonly #watching = this.connections.watch(this.#over.signal);
  #ports = 0;

  connect(address = "10.0.0.1"): FakeSocket {
    const socket = new FakeSocket(address, ++this.#ports);
    this.connections.add(socket as unknown as Socket);
    return socket;
  }

  speak(socket: FakeSocket, hangsUp = true): FakeSession {
    const session = new FakeSession(socket, hangsUp);
    this.connections.addSession(session as unknown as ServerHttp2Session);
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }
}

const slackMs = 3_000;

test("a connection on which nobody shows a credential ends after half a minute without a call", async () => {
  await using port = new Port();
  const session = port.speak(port.connect());
  await port.clock.advance(limits.strangerRestMs - slackMs);
  expect(session.wasSentAway).toBe(false);
  await port.clock.advance(slackMs + 1_000);
  expect(session.wasSentAway).toBe(true);
  expect(port.connections.size).toBe(0);
});

test("calls keep a connection, and it rests from the end of the last one", async () => {
  await using port = new Port();
  const session = port.speak(port.connect());
  const call = new EventEmitter();
  session.emit("stream", call);
  await port.clock.advance(limits.restMs);
  expect(session.wasSentAway).toBe(false);
  call.emit("close");
  await port.clock.advance(limits.strangerRestMs - slackMs);
  expect(session.wasSentAway).toBe(false);
  await port.clock.advance(slackMs + 1_000);
  expect(session.wasSentAway).toBe(true);
});

test("a client whose credential was accepted may rest longer, and not for ever", async () => {
  await using port = new Port();
  const socket = port.connect();
  const session = port.speak(socket);
  port.connections.recognize(socket);
  await port.clock.advance(limits.restMs - slackMs);
  expect(session.wasSentAway).toBe(false);
  await port.clock.advance(slackMs + 1_000);
  expect(session.wasSentAway).toBe(true);
});

test("a peer that is told to go and does not is cut off", async () => {
  await using port = new Port();
  const socket = port.connect();
  const session = port.speak(socket, false);
  await port.clock.advance(limits.strangerRestMs + 1_000);
  expect([session.wasSentAway, socket.isDestroyed]).toEqual([true, false]);
  await port.clock.advance(slackMs);
  expect(socket.isDestroyed).toBe(true);
});

test("an address has room for so many strangers: the one that rests longest goes, and no other address is touched", async () => {
  await using port = new Port();
  const other = port.connect("10.0.0.2");
  const known = port.connect();
  port.connections.recognize(known);
  const calling = port.connect();
  port.speak(calling).emit("stream", new EventEmitter());
  const resting = port.connect();
  for (let count = 2; count < limits.maxStrangers; count++) port.connect();
  expect([other, known, calling, resting].map((socket) => socket.isDestroyed)).toEqual([false, false, false, false]);
  const newest = port.connect();
  expect([other, known, calling, newest].map((socket) => socket.isDestroyed)).toEqual([false, false, false, false]);
  expect(resting.isDestroyed).toBe(true);
});
