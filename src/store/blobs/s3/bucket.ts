import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { readEnvironment } from "../../../lib/environment.ts";
import type { S3Place } from "../../../lib/net/s3-url.ts";

/** Of one process, so that a store that is slow takes no more of it. */
const maxSockets = 50;
const connectMs = 5_000;
/** Nothing comes or goes: the connection is dead. */
const idleMs = 20_000;
/** The SDK tries again what may succeed: an error of the server, one of the network, `SlowDown`, a clock that goes wrong. */
const maxAttempts = 4;

/** Where the objects of an installation lie. */
export interface Bucket extends Disposable {
  readonly client: S3Client;
  readonly name: string;
  readonly prefix: string;
  /** `s3://bucket/prefix`, for messages. */
  readonly shown: string;
  /** The time by which the store's clock is before ours; known to the SDK, and only if it is more than minutes. */
  skewMs(): number;
}

const silent = () => {};
const silentLogger = { trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** Makes what talks to the store. Nothing is asked yet: keys, region and address are looked for by the first request. */
export function openBucket(place: S3Place): Bucket {
  const { bucket, prefix, endpoint, isPathStyle } = place;
  // A store of one's own seldom has regions, and the SDK wants one.
  const region = place.region ?? (endpoint === undefined ? undefined : "us-east-1");
  const agentOptions = { keepAlive: true, maxSockets, proxyEnv: readEnvironment() };
  const requestHandler = new NodeHttpHandler({
    httpAgent: new HttpAgent(agentOptions),
    httpsAgent: new HttpsAgent(agentOptions),
    connectionTimeout: connectMs,
    socketTimeout: idleMs,
    requestTimeout: idleMs * 3,
    throwOnRequestTimeout: true,
    logger: silentLogger,
  });
  const client = new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: isPathStyle,
    maxAttempts,
    // Older stores do not know the newer checksums; ours is the name of the object.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler,
    logger: silentLogger,
  });
  return {
    client,
    name: bucket,
    prefix,
    shown: `s3://${bucket}/${prefix}`,
    skewMs: () => client.config.systemClockOffset,
    [Symbol.dispose]: () => client.destroy(),
  };
}
