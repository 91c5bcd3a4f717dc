import { expect, test } from "vitest";
import { normalAddress } from "./address.ts";

test.each([
  ["tf.example.com", "https://tf.example.com"],
  ["localhost:7070", "http://localhost:7070"],
  ["https://TF.example.com:443/", "https://tf.example.com"],
  ["https://tools.example.com/windlass/", "https://tools.example.com/windlass"],
  ["tools.example.com/a/b", "https://tools.example.com/a/b"],
])("%s is %s", (given, address) => {
  expect(normalAddress(given)).toBe(address);
});

test.each([
  ["https://tf.example.com?x=1", "a host and perhaps a port and a path"],
  ["https://me@tf.example.com", "a host and perhaps a port and a path"],
  ["https://tf.example.com/wind%20lass", "a host and perhaps a port and a path"],
  ["ftp://tf.example.com", "begins with https:// or http://, not ftp://"],
])("%s is refused", (given, why) => {
  expect(() => normalAddress(given)).toThrow(why);
});
