/** A thread that calls `WhoAmI` every 20 ms, and tells how long each call took. */
import { connect } from "node:http2";
import { parentPort, workerData } from "node:worker_threads";

const { url, token }: { readonly url: string; readonly token: string } = workerData;
const session = connect(url);
session.on("error", () => {});

setInterval(() => {
  const start = performance.now();
  const stream = session.request({
    ":method": "POST",
    ":path": "/windlass.v1.SystemService/WhoAmI",
    "content-type": "application/json",
    authorization: `Bearer ${token}`,
  });
  stream.on("error", () => {});
  stream.on("close", () => parentPort?.postMessage(performance.now() - start));
  stream.resume();
  stream.end("{}");
}, 20);
