import { EventEmitter } from "node:events";
import { constants, type ServerHttp2Session } from "node:http2";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { endRapidResets, resetBurst } from "./rapid-resets.ts";

/** A connection whose streams a test opens and ends. */
class FakeSession extends EventEmitter {
  destroyed = false;
  readonly goneAway: number[] = [];
  goaway = (code: number): void => void this.goneAway.push(code);
  destroy = (): void => {
    this.destroyed = true;
  };

  /** Opens a call and takes it back. */
  reset({ isAnswered = false, code = constants.NGHTTP2_CANCEL } = {}): void {
    const stream = Object.assign(new EventEmitter(), { headersSent: isAnswered, rstCode: code });
    this.emit("stream", stream);
    stream.emit("close");
  }
}

function watched() {
  const session = new FakeSession();
  const clock = new ManualClock();
  endRapidResets(session as unknown as ServerHttp2Session, clock);
  return { session, clock };
}

describe("a connection that opens calls only to take them back", () => {
  test("ends after a burst of them, and is told why", () => {
    const { session } = watched();
    for (let n = 0; n < resetBurst; n++) session.reset();
    expect(session.destroyed).toBe(false);
    session.reset();
    expect([session.destroyed, session.goneAway]).toEqual([true, [constants.NGHTTP2_ENHANCE_YOUR_CALM]]);
    session.reset();
    expect(session.goneAway).toHaveLength(1);
  });

  test("is forgiven some each second, and never more than there were", async () => {
    const { session, clock } = watched();
    for (let n = 0; n < resetBurst; n++) session.reset();
    await clock.advance(1_000);
    for (let n = 0; n < 33; n++) session.reset();
    expect(session.destroyed).toBe(false);
    await clock.advance(3_600_000);
    for (let n = 0; n < resetBurst; n++) session.reset();
    expect(session.destroyed).toBe(false);
    session.reset();
    expect(session.destroyed).toBe(true);
  });

  test("pays for calls that were answered, or that ended by themselves", () => {
    const { session } = watched();
    for (let n = 0; n < 2 * resetBurst; n++) {
      session.reset({ isAnswered: true });
      session.reset({ code: constants.NGHTTP2_NO_ERROR });
    }
    expect(session.destroyed).toBe(false);
  });
});
