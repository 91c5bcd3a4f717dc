/** How a caller speaks, by the content type of its request: who sends none of these gets Connect's plain JSON. */
export type Protocol = "grpc" | "grpc-web" | "connect-stream" | "connect";

/** The protocol of a content type, whatever the codec behind the `+`; undefined if it is that of no RPC. */
export function protocolOf(contentType: string): Protocol | undefined {
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (/^application\/grpc(\+|$)/.test(type)) return "grpc";
  if (/^application\/grpc-web(\+|$)/.test(type)) return "grpc-web";
  if (/^application\/connect\+/.test(type)) return "connect-stream";
  return type === "application/json" || type === "application/proto" ? "connect" : undefined;
}
