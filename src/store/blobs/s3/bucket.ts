import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { type Environment, readEnvironment } from "../../../lib/environment.ts";
import type { S3Place } from "../../../lib/net/s3-url.ts";
import { chooseProxy } from "../../../lib/way/proxy.ts";
import { serverAddress } from "../../../lib/way/server-address.ts";
import { trustOf } from "../../../lib/way/trust.ts";
import { WindlassError } from "../../../lib/words/errors.ts";

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
  const environment = readEnvironment();
  const agentOptions = { keepAlive: true, maxSockets, proxyEnv: proxyTo(hostOf(place, environment), environment) };
  const requestHandler = new NodeHttpHandler(async () => {
    const { ca } = await trustOf(undefined, environment);
    return {
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new HttpsAgent(ca === undefined ? agentOptions : { ...agentOptions, ca: [...ca] }),
      connectionTimeout: connectMs,
      socketTimeout: idleMs,
      requestTimeout: idleMs * 3,
      throwOnRequestTimeout: true,
      logger: silentLogger,
    };
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

/** Which host is asked, as far as a list of exceptions has to know it. */
const hostOf = ({ bucket, endpoint, region }: S3Place, { AWS_REGION = "us-east-1" }: Environment): string =>
  endpoint ?? `https://${bucket}.s3.${region ?? AWS_REGION}.amazonaws.com`;

/** The environment that Node's agents shall see: what it means is decided here, as for every other way out. */
function proxyTo(url: string, environment: Environment): Environment {
  const address = serverAddress(new URL(url).origin);
  const choice = address === undefined ? undefined : chooseProxy(address, environment);
  if (choice === undefined || choice.kind === "direct") return {};
  if (choice.kind === "refused") throw new WindlassError("validation", choice.message);
  const named = (environment[choice.proxy.origin] ?? "").trim();
  const proxy = /^https?:\/\//i.test(named) ? named : `http://${named}`;
  return { http_proxy: proxy, https_proxy: proxy };
}
