declare module "@20minutes/s3rver" {
  import type { RequestListener } from "node:http";

  /** A server that speaks S3 and keeps objects as files. */
  export default class S3rver {
    constructor(options: {
      readonly directory: string;
      readonly silent: boolean;
      readonly vhostBuckets: boolean;
      readonly configureBuckets: readonly { readonly name: string }[];
    });
    readonly store: { existsObject(bucket: string, key: string): Promise<boolean> };
    readonly logger: { readonly exceptions: { unhandle(): void }; close(): void };
    configureBuckets(): Promise<unknown>;
    callback(): RequestListener;
  }
}
