/** Hears of each call as it begins; the answer hears of its end, with `OK` or the name of the gRPC code, or the number of an HTTP status. */
export type CallObserver = (call: {
  /** `windlass.v1.RunService/GetRun`, or a route: `GET /api/v2/runs/:run`. */
  readonly method: string;
  readonly isStream: boolean;
  readonly header: (name: string) => string | null;
}) => (code: string) => void;
