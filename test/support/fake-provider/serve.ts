import { mkdtempSync, rmSync } from "node:fs";
import { createSecureServer, createServer, type Http2Server } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { selfSigned } from "../certificate.ts";
import { GRPCController } from "./gen/plugin_pb.ts";

/** Terraform sets it for each plugin, so that one started by hand can say what it is. */
const magicCookie = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/** Serves the services to the terraform that started this process, as its plugin launcher wants it. */
export function serve(services: (router: ConnectRouter) => void, env: NodeJS.ProcessEnv): void {
  if (env.TF_PLUGIN_MAGIC_COOKIE !== magicCookie) {
    console.error("this is a terraform provider: terraform starts it");
    process.exitCode = 1;
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), "fake-provider-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  // Ctrl-C reaches the whole process group; terraform says StopProvider.
  process.on("SIGINT", () => {});
  let isOver = false;
  const routes = (router: ConnectRouter) => {
    services(router);
    router.service(GRPCController, {
      shutdown: () => {
        isOver = true;
        return {};
      },
    });
  };
  const { server, certificate } = open(connectNodeAdapter({ routes, grpcWeb: false, connect: false }), env);
  // Terraform hangs up when it has the answer to its Shutdown; without one a provider outlives it.
  server.on("session", (session) => session.on("close", () => isOver && process.exit(0)));
  const socket = join(directory, "socket");
  // Core protocol, plugin protocol, where, how, whom to trust.
  server.listen(socket, () => console.log(`1|6|unix|${socket}|grpc|${certificate}`));
}

interface Opened {
  readonly server: Http2Server;
  /** DER in base64 without padding; empty without TLS. */
  readonly certificate: string;
}

/** Mutual TLS with the certificate that terraform made for this process, or none if it says so. */
function open(handler: ReturnType<typeof connectNodeAdapter>, env: NodeJS.ProcessEnv): Opened {
  const settings = { initialWindowSize: 1 << 20 };
  const client = env.PLUGIN_CLIENT_CERT;
  if (client === undefined) return { server: createServer({ settings }, handler), certificate: "" };
  const own = selfSigned(new Date());
  const tls = { ...own, ca: client, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" } as const;
  const certificate = own.cert.replace(/-----.*-----|\n/g, "").replace(/=+$/, "");
  return { server: createSecureServer({ ...tls, settings }, handler), certificate };
}
