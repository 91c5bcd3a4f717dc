import { expect, test } from "vitest";
import { exceptionFor } from "./no-proxy.ts";

const host = (host: string, port = 443) => ({ host, port });

test.each([
  ["tf.example.com", "tf.example.com"],
  ["TF.Example.com", "tf.EXAMPLE.COM"],
  ["tf.example.com", "example.com"],
  ["tf.example.com", ".example.com"],
  ["example.com", ".example.com"],
  ["tf.example.com", "*.example.com"],
  ["a.b.example.com", "*.example.com"],
  ["tf.example.com", "*"],
  ["10.0.0.1", "*"],
  ["tf.example.com", "a.test, tf.example.com ,b.test"],
  ["tf.example.com", "a.test tf.example.com"],
  ["tf.example.com", ",,tf.example.com,"],
  ["tf.example.com", "a.test;tf.example.com"],
  ["tf.example.com.", "example.com"],
  ["tf.example.com", "example.com."],
  ["tf.example.com", "tf.example.com:443"],
  ["tf.example.com", ".example.com:443"],
  ["tf.example.com", "http://tf.example.com/"],
  ["tf-1.example.com", "tf-*.example.com"],
  ["10.1.2.3", "10.0.0.0/8"],
  ["10.1.2.3", "10.9.9.9/8"],
  ["10.1.2.3", "10.1.2.3"],
  ["10.1.2.3", "10.1.2.3:443"],
  ["10.1.2.3", "10.1.*"],
  ["10.1.2.3", "0.0.0.0/0"],
  ["fd00::1", "fd00::/8"],
  ["fd00::1", "[fd00::]/8"],
  ["fd00::1", "fd00:0:0::1"],
  ["fd00::1", "[fd00::1]"],
  ["fd00::1", "[fd00::1]:443"],
  ["fd00::1", "[FD00::0001]"],
  ["tf", "tf"],
])("%s is excepted by %j", (name, list) => {
  expect(exceptionFor(host(name), list)).toBeDefined();
});

test.each([
  ["tf.example.com", ""],
  ["tf.example.com", " , ,"],
  ["tf.example.com", "xample.com"],
  ["tf.example.com", "tf.example.com.org"],
  ["tf.example.com", "tf.example.com:8443"],
  ["tf.example.com", "10.0.0.0/8"],
  ["example.com.evil.test", "example.com"],
  ["10.1.2.3", "10.1.2.4"],
  ["10.1.2.3", "192.168.0.0/16"],
  ["10.1.2.3", "10.0.0.0/33"],
  ["10.1.2.3", "10.0.0.0/x"],
  ["10.1.2.3", "2.3"],
  ["10.1.2.3", "fd00::/8"],
  ["fd00::1", "fe80::/10"],
  ["fd00::1", "[fd00::1]:8443"],
  ["fd00::1", "[fd00::1"],
  ["fd00::1", "::/129"],
  ["tf-1.example.com", "tf-*.example.org"],
])("%s is not excepted by %j", (name, list) => {
  expect(exceptionFor(host(name), list)).toBeUndefined();
});

test("the item that excepts is told as it was written", () => {
  expect(exceptionFor(host("tf.example.com"), "a.test, *.Example.com")).toBe("*.Example.com");
});
