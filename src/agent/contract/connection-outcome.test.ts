import { createClient } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificate.ts";
import { type Listener, listen } from "../../../test/support/listen.ts";
import { AgentGatewayService } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { Readiness } from "../../http/readiness.ts";
import { createGrpcTransport } from "../../lib/grpc/transport.ts";
import { silentLog } from "../../lib/program/log.ts";
import { registerFailure } from "./connection-outcome.ts";

let opened: Listener | undefined;
afterEach(() => opened?.close(0));

/** Why an agent at this address is not connected. */
async function reasonAt(scheme: "http" | "https", tls?: ReturnType<typeof selfSigned>): Promise<string> {
  const outcome = await listen({
    ...{ host: "127.0.0.1", port: 0, routes: () => {}, readiness: new Readiness(), log: silentLog() },
    ...(tls === undefined ? {} : { tls }),
  });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  opened = outcome.listener;
  using transport = createGrpcTransport({ address: `${scheme}://127.0.0.1:${opened.port}` });
  const error = await createClient(AgentGatewayService, transport)
    .register({})
    .catch((failure: unknown) => failure);
  const result = registerFailure(error);
  return result.kind === "unavailable" ? result.reason : result.kind;
}

test("https at a port without TLS is told so", async () => {
  expect(await reasonAt("https")).toMatch(
    /^https:.* does not speak TLS, though its address begins with https: use http/,
  );
});

test("http at a port with TLS is told so", async () => {
  expect(await reasonAt("http", selfSigned(new Date()))).toMatch(
    /if it speaks TLS there, the address must begin with https/,
  );
});

test("a certificate of an authority that is not known here is told so", async () => {
  expect(await reasonAt("https", selfSigned(new Date()))).toMatch(
    /^the certificate of https:.* is self-signed and not trusted here .*--ca-file/,
  );
});

test("a server of another kind is told so", async () => {
  expect(await reasonAt("http")).toMatch(/^this address is no Windlass server/);
});
