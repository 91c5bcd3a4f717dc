import { expect, test } from "vitest";
import { ChangeFeed, type RowChange } from "./change-feed.ts";

const changes = (from: number, to: number): readonly RowChange[] =>
  Array.from({ length: to - from }, (_, at) => ({ kind: "run", id: `run_${from + at}`, organizationId: "org_1" }));

test("what was published after a position comes in its order, in parts", () => {
  const feed = new ChangeFeed("feed", 100);
  const before = feed.position;
  feed.publish(changes(0, 3));
  feed.publish([]);
  feed.publish(changes(3, 5));
  const first = feed.since(before, 4);
  expect(first?.changes).toEqual(changes(0, 4));
  expect(feed.since(first?.position ?? -1, 4)).toEqual({ changes: changes(4, 5), position: feed.position });
  expect(feed.since(feed.position, 4)).toEqual({ changes: [], position: feed.position });
});

test("a position that is too old, or that never was, is known as such; one that is kept never is", () => {
  const feed = new ChangeFeed("feed", 10);
  for (let at = 0; at < 95; at += 5) feed.publish(changes(at, at + 5));
  expect(feed.position).toBe(95);
  expect(feed.since(0, 10)).toBeUndefined();
  expect(feed.since(96, 10)).toBeUndefined();
  expect(feed.since(-1, 10)).toBeUndefined();
  for (let position = 85; position <= 95; position++)
    expect(feed.since(position, 100)?.changes).toEqual(changes(position, 95));
});

test("listeners hear of each publication until they stop", () => {
  const feed = new ChangeFeed("feed");
  let heard = 0;
  const stop = feed.listen(() => heard++);
  feed.publish(changes(0, 2));
  feed.publish([]);
  stop();
  feed.publish(changes(2, 3));
  expect(heard).toBe(1);
});

test("what is published is told to the relay; what is heard from others, or only shown here, is not", () => {
  const feed = new ChangeFeed("feed");
  const relayed: RowChange[] = [];
  const heard: RowChange[] = [];
  feed.relay((all) => relayed.push(...all));
  feed.onHeard((all) => heard.push(...all));
  feed.publish(changes(0, 2));
  feed.hear(changes(2, 4));
  feed.show(changes(4, 5));
  expect(relayed).toEqual(changes(0, 2));
  expect(heard).toEqual(changes(2, 4));
  expect(feed.since(0, 100)?.changes).toEqual(changes(0, 5));
});

test("a feed that begins anew has another id, goes on with its positions, and keeps nothing of before", () => {
  const feed = new ChangeFeed("feed");
  feed.publish(changes(0, 3));
  let woken = 0;
  feed.listen(() => woken++);
  feed.renew("other");
  expect([feed.id, feed.position, woken]).toEqual(["other", 3, 1]);
  expect(feed.since(2, 10)).toBeUndefined();
  feed.publish(changes(3, 4));
  expect(feed.since(3, 10)?.changes).toEqual(changes(3, 4));
});
