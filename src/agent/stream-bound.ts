/** What goes over one stream counts as one body for nginx, which takes 1 MiB of it and then cuts the stream. Source: client_max_body_size. */
const commonBoundBytes = 1024 * 1024;
/** With what frames and headers add, and what is not counted exactly, still below it. */
const renewAtBytes = 900_000;

/** Whether something between here and the server cuts streams that have carried much: then the agent renews its stream itself before. */
export class StreamBound {
  #isThere = false;

  /** A stream broke after so many bytes. */
  broke(sentBytes: number): void {
    this.#isThere ||= sentBytes >= renewAtBytes && sentBytes <= commonBoundBytes + commonBoundBytes / 4;
  }

  /** Whether a stream that has carried so many bytes should carry no more. */
  isReached(sentBytes: number): boolean {
    return this.#isThere && sentBytes > renewAtBytes;
  }
}
