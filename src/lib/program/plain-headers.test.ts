import fc from "fast-check";
import { expect, test } from "vitest";
import { PlainHeaders } from "./plain-headers.ts";

const name = fc.constantFrom(
  "A",
  "b",
  "Grpc-Status",
  "set-cookie",
  "Set-Cookie",
  "cookie",
  "x-bin",
  "",
  "a b",
  "é",
  "a:",
);
const value = fc.oneof(
  fc.constantFrom("", " ", " a\t", "a, b", "a\r\nb", "a\0", "é", "€", "\r\n x"),
  fc.string({ maxLength: 8 }),
);
const pair = fc.tuple(name, value);
const step = fc.oneof(
  fc.record({ kind: fc.constantFrom("append", "set"), name, value }),
  fc.record({ kind: fc.constantFrom("delete", "get", "has"), name }),
);

/** What a call answers, or that it was refused. */
function outcome<T>(call: () => T): T | "refused" {
  try {
    return call();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return "refused";
  }
}

function act(headers: Headers | PlainHeaders, one: { kind: string; name: string; value?: string }): unknown {
  switch (one.kind) {
    case "append":
      return headers.append(one.name, one.value ?? "");
    case "set":
      return headers.set(one.name, one.value ?? "");
    case "delete":
      return headers.delete(one.name);
    case "get":
      return headers.get(one.name);
    default:
      return headers.has(one.name);
  }
}

function seen(headers: Headers | PlainHeaders): unknown {
  const visited: string[][] = [];
  headers.forEach((text, key, self) => {
    visited.push([key, text, String(self === headers)]);
  });
  const lists = [[...headers], [...headers.entries()], [...headers.keys()], [...headers.values()]];
  return { lists, visited, cookies: headers.getSetCookie(), tag: String(headers) };
}

test("headers are those of Node after any calls", () => {
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 4 }), fc.array(step, { maxLength: 12 }), (pairs, steps) => {
      const [own, node] = [outcome(() => new PlainHeaders(pairs)), outcome(() => new Headers(pairs))];
      expect(own === "refused").toBe(node === "refused");
      if (own === "refused" || node === "refused") return;
      for (const one of steps) expect(outcome(() => act(own, one))).toEqual(outcome(() => act(node, one)));
      expect(seen(own)).toEqual(seen(node));
    }),
    { numRuns: 2_000 },
  );
});

test("headers are made of all that Node makes them of", () => {
  const made = [
    undefined,
    {},
    { a: undefined },
    { B: "1", a: "2" },
    [
      ["a", "1"],
      ["A", "2"],
    ],
    new Map([["a", "1"]]),
  ] as const;
  for (const init of made) {
    const [given, same] = [init, init] as unknown as [[string, string][], [string, string][]];
    expect(seen(new PlainHeaders(given))).toEqual(seen(new Headers(same)));
  }
  const headers = new Headers({ a: "1", "set-cookie": "x" });
  expect([...new PlainHeaders(new PlainHeaders(headers))]).toEqual([...headers]);
  for (const bad of [null, "a: 1", 1, [["a"]], [["a", "1", "2"]]] as unknown as [string, string][][])
    expect([outcome(() => new PlainHeaders(bad)), outcome(() => new Headers(bad))]).toEqual(["refused", "refused"]);
});
