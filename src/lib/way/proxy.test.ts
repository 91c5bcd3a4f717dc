import { expect, test } from "vitest";
import type { Environment } from "../environment.ts";
import { chooseProxy } from "./proxy.ts";
import { serverAddress } from "./server-address.ts";

function choose(environment: Environment, address = "https://tf.example.com") {
  const server = serverAddress(address);
  if (server === undefined) throw new Error(`no address: ${address}`);
  return chooseProxy(server, environment);
}

const proxyOf = (environment: Environment, address?: string) => {
  const choice = choose(environment, address);
  if (choice.kind !== "proxy") return choice;
  const { url, origin, authorization } = choice.proxy;
  return [url, origin, ...(authorization === undefined ? [] : [atob(authorization.replace("Basic ", ""))])].join(" ");
};

test.each<[string, Environment, string?]>([
  ["http://p:3128 https_proxy", { https_proxy: "http://p:3128" }],
  ["http://p:3128 HTTPS_PROXY", { HTTPS_PROXY: "http://p:3128" }],
  ["http://low:1 https_proxy", { HTTPS_PROXY: "http://up:1", https_proxy: "http://low:1" }],
  ["http://up:1 HTTPS_PROXY", { HTTPS_PROXY: "http://up:1", https_proxy: "" }],
  ["http://all:1 all_proxy", { all_proxy: "http://all:1" }],
  ["http://all:1 ALL_PROXY", { ALL_PROXY: "http://all:1" }],
  ["http://p:1 HTTPS_PROXY", { ALL_PROXY: "http://all:1", HTTPS_PROXY: "http://p:1" }],
  ["http://p:1 http_proxy", { http_proxy: "http://p:1", https_proxy: "http://s:1" }, "http://tf.example.com"],
  ["http://p:1 HTTP_PROXY", { HTTP_PROXY: "http://p:1" }, "http://tf.example.com"],
  ["http://p:3128 https_proxy", { https_proxy: "p:3128" }],
  ["http://p:80 https_proxy", { https_proxy: "p" }],
  ["https://p:443 https_proxy", { https_proxy: "https://p" }],
  ["http://[fd00::1]:3128 https_proxy", { https_proxy: "http://[fd00::1]:3128/" }],
  ["http://p:1 https_proxy", { https_proxy: "  http://p:1 " }],
  ["http://p:1 https_proxy me:secret", { https_proxy: "http://me:secret@p:1" }],
  ["http://p:1 https_proxy me:secret", { https_proxy: "me:secret@p:1" }],
  ["http://p:1 https_proxy me:p@ss:w#rd", { https_proxy: "http://me:p%40ss%3Aw%23rd@p:1" }],
  ["http://p:1 https_proxy me:p@ss", { https_proxy: "http://me:p@ss@p:1" }],
  ["http://p:1 https_proxy me:50%off", { https_proxy: "http://me:50%off@p:1" }],
  ["http://p:1 https_proxy DOM\\me:x", { https_proxy: "http://DOM%5Cme:x@p:1" }],
  ["http://p:1 https_proxy me:", { https_proxy: "http://me@p:1" }],
  ["http://p:1 https_proxy", { https_proxy: "http://p:1", no_proxy: "other.test" }],
])("%s comes from %o", (expected, environment, address) => {
  expect(proxyOf(environment, address)).toBe(expected);
});

test.each<[string | undefined, Environment, string?]>([
  [undefined, {}],
  [undefined, { https_proxy: "" }],
  [undefined, { http_proxy: "http://p:1" }],
  [undefined, { https_proxy: "http://p:1" }, "http://tf.example.com"],
  [undefined, { HTTP_PROXY: "http://p:1", REQUEST_METHOD: "GET" }, "http://tf.example.com"],
  ["no_proxy excepts .example.com", { https_proxy: "http://p:1", no_proxy: "a,.example.com" }],
  ["NO_PROXY excepts *", { https_proxy: "http://p:1", NO_PROXY: "*" }],
  [
    "no_proxy excepts tf.example.com:7070",
    { https_proxy: "p", no_proxy: "tf.example.com:7070" },
    "https://tf.example.com:7070",
  ],
  ["this machine itself is never reached through a proxy", { https_proxy: "p" }, "https://localhost:7070"],
  ["this machine itself is never reached through a proxy", { https_proxy: "p" }, "https://127.0.0.2"],
  ["this machine itself is never reached through a proxy", { https_proxy: "p" }, "https://[::1]:7070"],
  ["this machine itself is never reached through a proxy", { all_proxy: "socks5://p" }, "https://127.0.0.1"],
])("directly (%s) with %o", (why, environment, address) => {
  expect(choose(environment, address)).toEqual({ kind: "direct", why });
});

test.each<[string, Environment]>([
  [
    "all_proxy names a SOCKS proxy (socks5://), which is not supported: expected http://",
    { all_proxy: "socks5://p:1080" },
  ],
  ["https_proxy names a SOCKS proxy (socks5h://)", { https_proxy: "socks5h://me:secret@p:1080" }],
  ["https_proxy begins with ftp://, which is not supported", { https_proxy: "ftp://p" }],
  ["https_proxy is not the address of a proxy: expected http://HOST:PORT", { https_proxy: "http://" }],
  ["https_proxy is not the address of a proxy", { https_proxy: "http://me:se#cret@p:1" }],
  ["https_proxy is not the address of a proxy", { https_proxy: "http://p:99999" }],
])("%s", (message, environment) => {
  const choice = choose(environment);
  expect(choice).toMatchObject({ kind: "refused", message: expect.stringContaining(message) });
  expect(JSON.stringify(choice)).not.toMatch(/se#?cret/);
});

test("a password is in no text for people", () => {
  const choice = choose({ https_proxy: "http://me:secret@p:1" });
  expect(choice).toMatchObject({ proxy: { url: "http://p:1" } });
});
