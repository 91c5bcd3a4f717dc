import { expect, test } from "vitest";
import { stateNameIn } from "./state-name.ts";
import { withTexts } from "./state-texts.ts";

const nameIn = (text: string) => stateNameIn(Buffer.from(text));

test("a state's lineage and serial are found where they stand, and not deeper", () => {
  const text = '{ "resources": [{"serial": 9, "lineage": "x"}], "lineage" : "a\\"b", "serial":\n 7}';
  const name = nameIn(text);
  expect(name).toMatchObject({ lineage: 'a"b', serial: 7 });
  const at = (place: { readonly from: number; readonly to: number } | undefined) => text.slice(place?.from, place?.to);
  expect([at(name?.places?.lineage), at(name?.places?.serial)]).toEqual(['"a\\"b"', "7"]);
});

test("what has no plain name has none, and that of what tofu has encrypted stays", () => {
  for (const text of ["{}", '{"serial":1}', '{"serial":1.5,"lineage":"l"}', '{"serial":1,"lineage":2}', "[]"])
    expect(nameIn(text)).toBe(null);
  expect(nameIn('{"serial":1,"lineage":"l","encrypted_data":"x"}')).toEqual({ lineage: "l", serial: 1, places: null });
});

test("texts are put in their places however the document is cut into pieces", async () => {
  const document = "0123456789abcdef";
  const texts = [
    { from: 10, to: 12, text: "<later>" },
    { from: 2, to: 7, text: "<first>" },
  ];
  for (let size = 1; size <= document.length; size++) {
    const pieces = async function* () {
      for (let at = 0; at < document.length; at += size) yield Buffer.from(document.slice(at, at + size));
    };
    const whole = Buffer.concat(await Array.fromAsync(withTexts(pieces(), texts))).toString();
    expect(whole, `pieces of ${size}`).toBe("01<first>789<later>cdef");
  }
});
