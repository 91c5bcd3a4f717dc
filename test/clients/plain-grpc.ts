import { createRequire } from "node:module";
import { resolve } from "node:path";
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials as channelCredentials,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
} from "@grpc/grpc-js";

/** A message as the proto loader makes it: camelCase names, enums as names, 64-bit numbers as text. */
export type Message = Readonly<Record<string, unknown>>;
type Method = MethodDefinition<Message, Message>;

type Loaded = Readonly<Record<string, ServiceDefinition | object>>;

interface ProtoLoader {
  loadSync(files: readonly string[], options: object): Loaded;
  loadFileDescriptorSetFromBuffer(set: Uint8Array, options: object): Loaded;
}

const root = resolve(import.meta.dirname, "../..");
// The loader that @grpc/grpc-js depends on: it parses .proto files with protobufjs and knows nothing of our generated code.
const loader = createRequire(createRequire(import.meta.url).resolve("@grpc/grpc-js"))(
  "@grpc/proto-loader",
) as ProtoLoader;

/** Reads proto files and gives their services by full name. */
export function loadServices(files: readonly string[]): ReadonlyMap<string, ServiceDefinition> {
  const includeDirs = ["proto", "third_party"].map((folder) => resolve(root, folder));
  return servicesIn(loader.loadSync(files, { includeDirs, ...plainly }));
}

/** The same of a google.protobuf.FileDescriptorSet. */
export const loadDescribed = (set: Uint8Array): ReadonlyMap<string, ServiceDefinition> =>
  servicesIn(loader.loadFileDescriptorSetFromBuffer(set, plainly));

const plainly = { enums: String, longs: String, defaults: true, oneofs: true };

function servicesIn(found: Loaded): ReadonlyMap<string, ServiceDefinition> {
  const services = Object.entries(found).filter(([, entry]) => !("format" in entry));
  return new Map(services.map(([name, entry]) => [name, entry as ServiceDefinition]));
}

export interface PlainOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly url: string;
  readonly services: ReadonlyMap<string, ServiceDefinition>;
  /** PEM of the authority to trust, for https. */
  readonly ca?: string;
}

/** One call: `windlass.v1.AgentPoolService/ListAgentPools`, with a bearer token if it needs one. */
export interface Call {
  readonly rpc: string;
  readonly token?: string;
}

/** A gRPC client made of @grpc/grpc-js and proto files only. */
export class PlainClient implements Disposable {
  /** Full names of the services it has called with success. */
  readonly answered = new Set<string>();
  readonly #client: Client;
  readonly #services: ReadonlyMap<string, ServiceDefinition>;

  constructor({ url, services, ca }: PlainOptions) {
    // The certificate of the tests names localhost too, and TLS asks for no IP address by name.
    this.#client = new Client(new URL(url).host, credentialsOf(ca), { "grpc.ssl_target_name_override": "localhost" });
    this.#services = services;
  }

  unary(call: Call, request: Message): Promise<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#method(call);
    return new Promise((done, failed) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadataOf(call),
        (error, answer) => (error === null && answer !== undefined ? done(this.#seen(call, answer)) : failed(error)),
      );
    });
  }

  /** Client streaming: one header, then pieces. */
  upload(call: Call, parts: readonly Message[]): Promise<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#method(call);
    return new Promise((done, failed) => {
      const stream = this.#client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadataOf(call),
        (error, answer) => (error === null && answer !== undefined ? done(this.#seen(call, answer)) : failed(error)),
      );
      for (const part of parts) stream.write(part);
      stream.end();
    });
  }

  /** Server streaming: every message until the server ends the call. */
  async *download(call: Call, request: Message): AsyncGenerator<Message> {
    const { path, requestSerialize, responseDeserialize } = this.#method(call);
    const stream = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadataOf(call),
    );
    for await (const message of stream) yield this.#seen(call, message as Message);
  }

  /** Bidirectional streaming. Its failures come out of reading it. */
  talk(call: Call): ClientDuplexStream<Message, Message> {
    const { path, requestSerialize, responseDeserialize } = this.#method(call);
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadataOf(call));
    stream.once("data", () => this.answered.add(serviceOf(call)));
    return stream;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #method(call: Call): Method {
    const name = call.rpc.split("/")[1] ?? "";
    const found = this.#services.get(serviceOf(call))?.[name];
    if (found === undefined) throw new Error(`the proto files have no ${call.rpc}`);
    return found as Method;
  }

  #seen(call: Call, answer: Message): Message {
    this.answered.add(serviceOf(call));
    return answer;
  }
}

const serviceOf = ({ rpc }: Call): string => rpc.split("/")[0] ?? "";

function metadataOf({ token }: Call): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

const credentialsOf = (ca: string | undefined): ChannelCredentials =>
  ca === undefined ? channelCredentials.createInsecure() : channelCredentials.createSsl(Buffer.from(ca));

/** What stands at a path of fields, which must be a message. */
export function messageAt(message: Message, ...path: readonly string[]): Message {
  const found = path.reduce<unknown>((at, field) => (at as Message | undefined)?.[field], message);
  if (typeof found !== "object" || found === null)
    throw new Error(`there is no ${path.join(".")} in ${JSON.stringify(message)}`);
  return found as Message;
}

/** What stands at a path of fields, which must be text. */
export function textAt(message: Message, ...path: readonly string[]): string {
  const found = path.reduce<unknown>((at, field) => (at as Message | undefined)?.[field], message);
  if (typeof found !== "string") throw new Error(`there is no text ${path.join(".")} in ${JSON.stringify(message)}`);
  return found;
}
