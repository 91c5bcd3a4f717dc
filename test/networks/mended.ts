/** What a test of this folder expects only once it is so. */
export const mended = {
  /** No message and no body needs more than 1 MiB: nginx's default is enough. */
  parts: false,
  /** Preparing a job may take longer than its offer's lease, and a transfer goes on where it stopped. */
  transfers: false,
  /** What a client reads is not bound by a window of 64 KiB. */
  windows: false,
  /** What something between an agent and the server answers is named, and never final. */
  foreignAnswers: false,
  /** An agent whose stream cannot be opened says why, and is not shown as idle. */
  http1: false,
  /** Agent, client and doctors have one way out, with the reason of a proxy that refuses. */
  wayOut: false,
  /** The PROXY protocol is understood. */
  proxyProtocol: false,
  /** An address may be an IPv6 literal. */
  ipv6: false,
} as const;
