import { parsed, type SettingSchema, written } from "../setting-schemas.ts";

/** A host and a port. */
export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** `127.0.0.1:7070` or `[::]:7070`. */
export const listenAddress = (): SettingSchema<ListenAddress> =>
  written(parsed("host:port such as 127.0.0.1:7070 or [::]:7070", parse, "HOST:PORT"), write);

/** The same, or `off`, which is null. */
export const listenAddressOrOff = (): SettingSchema<ListenAddress | null> =>
  written(
    parsed(
      "host:port such as 127.0.0.1:7072, or off",
      (text) => (text === "off" ? null : parse(text)),
      "HOST:PORT|off",
    ),
    (value) => (value === null ? "off" : write(value)),
  );

const write = ({ host, port }: ListenAddress): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);

function parse(value: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
