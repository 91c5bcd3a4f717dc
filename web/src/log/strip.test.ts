import { expect, test } from "vitest";
import { strip } from "./strip.ts";

const esc = "\u001b";

test.each([
  ["a title", `${esc}]0;pwned\u0007text`],
  ["a title that ends with ST", `${esc}]2;pwned${esc}\\text`],
  ["a title in C1", "\u009d0;pwned\u009ctext"],
  ["a clipboard", `${esc}]52;c;cHduZWQ=\u0007text`],
  ["a device control string", `${esc}Pq#0${esc}\\text`],
  ["an application command", `${esc}_Gpwned${esc}\\text`],
  ["a privacy message in C1", "\u009epwned\u009ctext"],
  ["cursor moves", `${esc}[2Jte${esc}[10;10Hxt`],
  ["a sequence in C1", "\u009b31mtext"],
  ["colours with colons", `${esc}[38:2::1:2:3mtext`],
  ["a reset of the terminal", `${esc}ctext`],
  ["a character set", `${esc}(0text`],
  ["bidi controls", "\u202etex\u2066t\u2069"],
  ["characters without width", "te\u200bxt\ufeff"],
  ["tags", "text\u{e0041}"],
  ["null and backspace", "te\u0000x\u0008t"],
  ["bells", "\u0007text\u0007"],
  ["what was written over", "10%\r50%\rtext"],
  ["the end of a line of Windows", "text\r"],
])("%s leaves only the text", (_, line) => {
  expect(strip(line)).toBe("text");
});

test("colours, links and tabs stay", () => {
  const line = `${esc}[1;31mred${esc}[0m\t${esc}]8;;https://a.example${esc}\\link${esc}]8;;${esc}\\`;
  expect(strip(line)).toBe(line);
});

test("a link that ends with a bell ends with ST", () => {
  expect(strip(`${esc}]8;;https://a.example\u0007link${esc}]8;;\u0007`)).toBe(
    `${esc}]8;;https://a.example${esc}\\link${esc}]8;;${esc}\\`,
  );
});

test.each([
  ["with text that is not ASCII", `${esc}]8;;https://a.example${esc}\\Größe${esc}]8;;${esc}\\`, "Größe"],
  ["without an end", `${esc}]8;;https://a.example${esc}\\text`, "text"],
  ["cut off in its address", `text${esc}]8;;https://a.exam`, "text"],
])("a link %s is text", (_, line, text) => {
  expect(strip(line)).toBe(text);
});

test("a title that does not end takes the rest of the line, and no more", () => {
  expect(strip(`text${esc}]0;never ended`)).toBe("text");
});

test("text of every language stays", () => {
  const line = "│ Größe 大きさ العربية 🚀 <b>&amp;</b>";
  expect(strip(line)).toBe(line);
});
