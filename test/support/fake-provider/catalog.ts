import { archive } from "./archive.ts";
import { database, role } from "./database.ts";
import { external } from "./external.ts";
import { file, upload } from "./files.ts";
import { optional, type Resource, type Source } from "./kinds.ts";
import { clock, lookup, status, token } from "./lookups.ts";
import { password } from "./password.ts";
import { server } from "./server.ts";

export { functions } from "./functions.ts";

/** The arguments of the `provider` block. */
export const providerAttributes = [
  optional("log"),
  optional("directory"),
  optional("token", "string", { isSensitive: true }),
];

export const resources: Readonly<Record<string, Resource>> = { database, file, password, role, server, upload };
export const dataSources: Readonly<Record<string, Source>> = { archive, clock, external, lookup, status };
export const ephemerals: Readonly<Record<string, Source>> = { token };
