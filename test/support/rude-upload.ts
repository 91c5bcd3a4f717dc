import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { type DescMethod, type Message, toBinary, toJson } from "@bufbuild/protobuf";

/** How a caller parts from an upload that is refused. */
export const partings = [
  "waits for the refusal, ends its request, closes",
  "cancels its call, closes",
  "cancels its call, destroys its connection",
  "destroys its connection at once",
] as const;
export type Parting = (typeof partings)[number];

export const http2Types = ["application/grpc", "application/grpc-web+proto", "application/connect+json"] as const;

/** Tests make their own. */
const anyCertificate = { rejectUnauthorized: false } as const;

export interface Upload {
  readonly url: string;
  readonly method: DescMethod;
  readonly token: string;
  readonly type: (typeof http2Types)[number];
  readonly messages: readonly Message[];
}

const pathOf = ({ parent, name }: DescMethod) => `/${parent.typeName}/${name}`;

/** Sends an upload on a connection of its own, and parts from it. Settles once the caller has done its part. */
export async function uploadAndPart(upload: Upload, parting: Parting): Promise<void> {
  const session = connectHttp2(upload.url, anyCertificate);
  session.on("error", () => {});
  const stream = open(session, upload);
  const answered = once(stream, "response");
  answered.catch(() => {});
  for (const message of upload.messages) stream.write(framed(upload, message));
  if (parting === "destroys its connection at once") {
    await once(session, "connect");
    return session.destroy();
  }
  await answered;
  await part(session, stream, parting);
}

function open(session: ClientHttp2Session, { method, token, type }: Upload): ClientHttp2Stream {
  const stream = session.request({
    ...{ ":method": "POST", ":path": pathOf(method), "content-type": type },
    ...{ te: "trailers", authorization: `Bearer ${token}` },
  });
  stream.on("error", () => {});
  stream.resume();
  return stream;
}

async function part(
  session: ClientHttp2Session,
  stream: ClientHttp2Stream,
  parting: Exclude<Parting, "destroys its connection at once">,
): Promise<void> {
  switch (parting) {
    case "waits for the refusal, ends its request, closes":
      stream.end();
      return session.close();
    case "cancels its call, closes":
      stream.close(8);
      return session.close();
    case "cancels its call, destroys its connection":
      stream.close(8);
      return session.destroy();
  }
}

function framed({ method, type }: Pick<Upload, "method" | "type">, message: Message): Buffer {
  const body = type.endsWith("json")
    ? Buffer.from(JSON.stringify(toJson(method.input, message)))
    : Buffer.from(toBinary(method.input, message));
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(body.length, 1);
  return Buffer.concat([frame, body]);
}

/** The same over HTTP/1.1: sends the whole body, reads the answer, and closes. Resolves with the status line. */
export async function uploadOverHttp1({ url, method, token, messages }: Omit<Upload, "type">): Promise<string> {
  const { port, protocol } = new URL(url);
  const place = { port: Number(port), host: "127.0.0.1" };
  const isTls = protocol === "https:";
  const socket = isTls ? connectTls({ ...place, ...anyCertificate, ALPNProtocols: ["http/1.1"] }) : connectTcp(place);
  socket.on("error", () => {});
  const body = Buffer.concat(messages.map((message) => framed({ method, type: "application/connect+json" }, message)));
  const head = [
    `POST ${pathOf(method)} HTTP/1.1`,
    ...["host: localhost", "content-type: application/connect+json", `authorization: Bearer ${token}`],
    `content-length: ${body.length * 2}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  socket.write(body);
  const [answer] = await once(socket, "data");
  socket.end();
  return String(answer).split("\r\n", 1)[0] ?? "";
}
