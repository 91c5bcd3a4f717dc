import { expect, test } from "vitest";
import { SpanReader } from "./spans.ts";

const esc = "\u001b";
const read = (...lines: readonly string[]) => {
  const reader = new SpanReader();
  return lines.map((line) => reader.read(line));
};

test("colours are names of a closed set", () => {
  expect(read(`a${esc}[1;31mb${esc}[0;4;92;44mc${esc}[0md`)).toEqual([
    [
      { text: "a", look: "" },
      { text: "b", look: "ansi-bold ansi-red" },
      { text: "c", look: "ansi-underline ansi-bright-green ansi-blue-bg" },
      { text: "d", look: "" },
    ],
  ]);
});

test("a colour lasts over the end of a line", () => {
  expect(read(`${esc}[32mone`, "two", `${esc}[0mthree`).map((spans) => spans[0]?.look)).toEqual([
    "ansi-green",
    "ansi-green",
    "",
  ]);
});

test("true colours are numbers", () => {
  expect(read(`${esc}[38;2;1;2;3mx`)[0]).toEqual([{ text: "x", look: "", color: "rgb(1 2 3)" }]);
  expect(read(`${esc}[48;5;120mx`)[0]?.[0]?.background).toMatch(/^rgb\(\d+ \d+ \d+\)$/);
});

test("markup is text", () => {
  expect(read("<img src=x onerror=alert(1)> &amp;")[0]).toEqual([
    { text: "<img src=x onerror=alert(1)> &amp;", look: "" },
  ]);
});

test("only addresses of the web are links", () => {
  const link = (url: string) => read(`${esc}]8;;${url}${esc}\\text${esc}]8;;${esc}\\`)[0];
  expect(link("https://a.example/x")).toEqual([{ text: "text", look: "", href: "https://a.example/x" }]);
  for (const span of link("javascript:alert(1)") ?? []) expect(span.href).toBeUndefined();
  for (const span of link("data:text/html,x") ?? []) expect(span.href).toBeUndefined();
});

test("an escape that is cut off at the end of a line takes nothing of the next line with it", () => {
  expect(read(`one${esc}[3`, "1mtwo")).toEqual([[{ text: "one", look: "" }], [{ text: "1mtwo", look: "" }]]);
});
