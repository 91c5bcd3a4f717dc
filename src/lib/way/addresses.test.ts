import { describe, expect, test } from "vitest";
import { addressesIn, addressesProblem, differentAddresses, maxAddresses } from "./addresses.ts";

test.each([
  ["https://a", ["https://a"]],
  ["https://a,https://b", ["https://a", "https://b"]],
  [" https://a , https://b\nhttps://c ", ["https://a", "https://b", "https://c"]],
  ["https://a,,https://b,", ["https://a", "https://b"]],
  ["https://a,https://a", ["https://a"]],
  [", ,", []],
])("%j is %j", (text, addresses) => {
  expect(addressesIn(text)).toEqual(addresses);
});

test("two ways of writing one address are one, the first; a path makes another", () => {
  const given = ["https://a", "https://A:443/", "https://a/windlass", "http://a", "nonsense"];
  expect(differentAddresses(given)).toEqual(["https://a", "https://a/windlass", "http://a", "nonsense"]);
});

describe("what cannot be the addresses of one control plane", () => {
  const many = Array.from({ length: 1_000 }, (_, index) => `https://tf${index}.example.com`);
  test.each([
    ["none", [], "expected an address such as https://tf.example.com, got none"],
    ["one that is none", ["https://a", "ftp://b"], "expected an address such as https://tf.example.com, got ftp://b"],
    ["a thousand", many, "expected at most 16 addresses, got 1000: give one DNS name that has them all"],
    [
      "plain text beside TLS",
      ["https://a", "http://b"],
      "got http://b beside them: the token would travel in the clear",
    ],
  ])("%s", (_name, addresses, problem) => {
    expect(addressesProblem(addresses)).toContain(problem);
  });

  test.each([
    ["as many as there may be", many.slice(0, maxAddresses)],
    ["plain text alone", ["http://a", "http://b"]],
    ["plain text of this machine beside TLS", ["https://a", "http://127.0.0.1:7070"]],
    ["with paths", ["https://a/windlass", "https://b"]],
  ])("%s can", (_name, addresses) => {
    expect(addressesProblem(addresses)).toBeUndefined();
  });
});
