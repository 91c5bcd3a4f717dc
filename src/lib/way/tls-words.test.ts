import { describe, expect, test } from "vitest";
import { handshakeWords, noHttp2, silentHandshake } from "./tls-words.ts";

type Peer = Parameters<typeof silentHandshake>[0];
const server = { name: "tf.example.com:443", isProxy: false, own: {}, expectedName: "tf.example.com" } as Peer;
const proxy = { ...server, name: "the proxy p:3128", isProxy: true } as Peer;
const withOwn = { ...server, own: { cert: "PEM" } } as Peer;

/** As OpenSSL says it: by its reason, or in a sentence with its numbers. */
const reason = (text: string, code?: string) => Object.assign(new Error("it failed"), { reason: text, code });
const sentence = (text: string, code?: string) =>
  Object.assign(new Error(`80A0BC4B7F000000:error:0A000126:SSL routines:ssl3_read_n:${text}:../deps/openssl/rec.c:1`), {
    code,
  });

describe("a handshake that fails is told by what it means", () => {
  test.each([
    ["wrong version number", "not_tls", /does not speak TLS/, "use http://, or give windlassd a certificate"],
    ["packet length too long", "not_tls", /does not speak TLS/, /use http/],
    ["http request", "not_tls", /does not speak TLS/, /use http/],
    ["no application protocol", "no_http2", /does not offer HTTP\/2/, /nginx needs `http2`/],
    ["tlsv13 alert certificate required", "client_certificate", /wants a client certificate/, /give --cert-file/],
    ["tlsv1 alert unknown ca", "client_certificate", /wants a client certificate/, /give --cert-file/],
    ["sslv3 alert certificate expired", "client_certificate", /wants a client certificate/, /give --cert-file/],
    ["sslv3 alert bad certificate", "client_certificate", /wants a client certificate/, /give --cert-file/],
    ["sslv3 alert handshake failure", "tls_refused", /refuses the TLS handshake/, /if it wants a client certificate/],
    ["tlsv1 unrecognized name", "tls_refused", /knows no tf\.example\.com/, /--server-name/],
    ["tlsv1 alert protocol version", "tls_refused", /only old versions of TLS/, /TLS 1\.2 or 1\.3/],
    ["unsupported protocol", "tls_refused", /only old versions of TLS/, /TLS 1\.2 or 1\.3/],
    ["some new alert", "tls_refused", /failed \(.*some new alert.*\)/, "see the log of what answers there"],
  ] as const)("%s: %s", (text, kind, what, fix) => {
    for (const error of [reason(text), sentence(text)]) {
      const { fault } = handshakeWords(server, error);
      expect(fault).toMatchObject({ kind, step: "tls" });
      expect(fault.what).toMatch(what);
      expect(fault.fix).toMatch(fix);
    }
  });

  test.each([
    [Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })],
    [new Error("Client network socket disconnected before secure TLS connection was established")],
    [new Error("closed")],
    [Object.assign(new Error("write EPIPE"), { code: "EPIPE" })],
  ])("%s: somebody closes the connection", (error) => {
    const { fault } = handshakeWords(server, error);
    expect(fault.kind).toBe("tls_closed");
    expect(fault.what).toBe("tf.example.com:443 closes the connection during the TLS handshake");
  });

  test("what is refused is one's own certificate, where one was shown", () => {
    const refused = handshakeWords(withOwn, reason("tlsv1 alert unknown ca")).fault;
    expect(refused.what).toBe("tf.example.com:443 refuses the certificate of --cert-file");
    expect(refused.fix).toMatch(/signed by the authority that the server wants, and still valid/);
    expect(handshakeWords(withOwn, reason("sslv3 alert handshake failure")).fault.fix).toMatch(/does not take the one/);
  });

  test("of a proxy it is the proxy's step, and its own cure", () => {
    const { fault } = handshakeWords(proxy, reason("wrong version number"));
    expect(fault).toMatchObject({ step: "proxy", fix: "name it with http://" });
    expect(noHttp2(proxy).fault).toMatchObject({ step: "proxy", kind: "no_http2" });
  });

  test("one that is not answered says after how long", () => {
    expect(silentHandshake(server, 12_340).fault).toMatchObject({
      ...{ kind: "tls_silent", step: "tls" },
      what: expect.stringContaining("does not answer within 12.3 s"),
    });
  });

  test("OpenSSL's numbers and places are told to nobody", () => {
    const { what } = handshakeWords(server, sentence("some new alert")).fault;
    expect(what).not.toMatch(/80A0BC4B7F000000|rec\.c/);
  });

  test("keeps what was thrown as its cause", () => {
    const error = reason("http request");
    expect(handshakeWords(server, error).cause).toBe(error);
  });
});
