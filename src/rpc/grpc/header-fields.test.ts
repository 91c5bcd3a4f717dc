import { describe, expect, test } from "vitest";
import { HeaderFields } from "./header-fields.ts";

/** Each does the same with the platform's headers and with ours. */
const steps: Readonly<Record<string, (headers: Headers) => unknown>> = {
  "a field is found in any case": (headers) => {
    headers.set("X-Request-Id", "one");
    return [headers.get("x-request-id"), headers.get("X-REQUEST-ID"), headers.has("X-Request-ID")];
  },
  "what is not there is null": (headers) => [headers.get("nothing"), headers.has("nothing")],
  "a second value is set instead of the first, or appended": (headers) => {
    headers.set("a", "1");
    headers.set("a", "2");
    headers.append("A", "3");
    headers.append("b", "4");
    return [...headers];
  },
  "space around a value is none of it": (headers) => {
    headers.set("a", " 1\t");
    return headers.get("a");
  },
  "a field that is deleted is gone": (headers) => {
    headers.set("a", "1");
    headers.delete("A");
    return [...headers.keys()];
  },
  "everything is walked through": (headers) => {
    headers.set("a", "1");
    headers.set("b", "2");
    const seen: string[] = [];
    headers.forEach((value, name) => {
      seen.push(`${name}=${value}`);
    });
    return [seen, [...headers.entries()], [...headers.values()], headers.getSetCookie()];
  },
};

describe("header fields of a call are as those of the platform", () => {
  for (const [name, step] of Object.entries(steps))
    test(name, () => {
      expect(step(new HeaderFields())).toEqual(step(new Headers()));
    });

  test.each(["a\nb", "a\rb", "a\0b", "größe 🚀"])("the value %j is refused", (value) => {
    for (const headers of [new HeaderFields(), new Headers()]) expect(() => headers.set("a", value)).toThrow(TypeError);
  });
});

test("a request's fields come without those of HTTP, and several values as one", () => {
  const headers = HeaderFields.of({ ":path": "/x", te: "trailers", "x-a": ["1", "2"], "x-b": undefined });
  expect(headers.outgoing()).toEqual({ te: "trailers", "x-a": "1, 2" });
});
