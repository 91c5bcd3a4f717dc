import { randomUUID } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AgentGatewayService } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";

/** How an agent that came leaves: with a good-bye, by its connection alone, or it registers and never comes. */
export type Leaving = "good-bye" | "vanishes" | "never comes";

/** An agent on a connection of its own, which takes no jobs: it comes, stays a moment, and leaves. */
export async function comeAndLeave(
  { url, token }: { readonly url: string; readonly token: string },
  { leaving, stayMs }: { readonly leaving: Leaving; readonly stayMs: number },
): Promise<void> {
  const sessionManager = new Http2SessionManager(url);
  try {
    const client = createClient(AgentGatewayService, createGrpcTransport({ baseUrl: url, sessionManager }));
    const identity = { incarnation: randomUUID(), bootId: randomUUID() };
    const facts = { name: `churn-${identity.incarnation.slice(0, 8)}`, version: "0.0.1", os: "linux", arch: "x64" };
    const { sessionToken } = await client.register(
      { ...identity, ...facts, sandbox: "none", minimumProtocol: 1, maximumProtocol: 1, concurrency: 1 },
      { headers: { authorization: `Bearer ${token}` } },
    );
    if (leaving === "never comes") return;
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const messages = async function* () {
      yield { message: { case: "hello" as const, value: { ...identity, jobs: [] } } };
      await over;
      yield { message: { case: "goodbye" as const, value: { reason: "the soak moves on" } } };
    };
    const headers = { authorization: `Bearer ${sessionToken}` };
    for await (const { message } of client.session(messages(), { headers })) {
      if (message.case !== "welcome") continue;
      setTimeout(() => (leaving === "good-bye" ? end() : sessionManager.abort()), stayMs);
    }
  } catch (error) {
    if (leaving !== "vanishes") throw error;
  } finally {
    sessionManager.abort();
  }
}
