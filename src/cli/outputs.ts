import type { Output } from "../gen/windlass/v1/state_pb.ts";
import { safeText } from "./table.ts";

/** `name = value` for each output, as terraform writes them; sensitive ones without their value. */
export const outputLines = (outputs: readonly Output[]): readonly string[] =>
  outputs.map(({ name, sensitive, valueJson }) => `${name} = ${sensitive ? "<sensitive>" : safeText(valueJson)}`);
