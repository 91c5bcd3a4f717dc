import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";

/** The limit beside us: a grpc-js server that answers bytes it has. `raw-server.ts UNARY_BYTES DOWNLOAD_MIB`. */

/** What the server tells its parent. */
export interface RawServerNews {
  readonly kind: "listening";
  readonly port: number;
}

const [unaryBytes, downloadMib] = process.argv.slice(2).map(Number);
const messageBytes = 256 * 1024;

/** A message of so many bytes in one field. */
const answerOf = (bytes: number): Buffer => Buffer.alloc(bytes, 0x61);
const same = (bytes: Buffer): Buffer => bytes;
const rpc = {
  requestStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};

const unaryAnswer = answerOf(unaryBytes ?? 0);
const piece = answerOf(messageBytes);

function download(call: ServerWritableStream<Buffer, Buffer>): void {
  let left = ((downloadMib ?? 0) * 2 ** 20) / messageBytes;
  const more = () => {
    while (left > 0) {
      left -= 1;
      if (!call.write(piece)) return void call.once("drain", more);
    }
    call.end();
  };
  more();
}

const server = new Server();
server.addService(
  {
    unary: { path: "/raw/Unary", responseStream: false, ...rpc },
    stream: { path: "/raw/Stream", responseStream: true, ...rpc },
    download: { path: "/raw/Download", responseStream: true, ...rpc },
  },
  {
    unary: (_call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, unaryAnswer),
    stream: (call: ServerWritableStream<Buffer, Buffer>) => {
      call.write(unaryAnswer);
      call.end();
    },
    download,
  },
);
process.on("disconnect", () => process.exit(0));
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  const news: RawServerNews = { kind: "listening", port };
  process.send?.(news);
});
