import type { Output } from "../../gen/windlass/v1/state_pb.ts";

/** True for a value that no answer has room for. */
export const isTooLong = ({ valueJson, valueBytes }: Output): boolean => valueJson === "" && valueBytes > 0n;

/** `name = value` for each output, as terraform writes them; sensitive ones without their value. */
export const outputLines = (outputs: readonly Output[]): readonly string[] =>
  outputs.map((output) => `${output.name} = ${valueText(output)}`);

function valueText(output: Output): string {
  if (output.sensitive) return "<sensitive>";
  return isTooLong(output) ? `<${output.valueBytes} bytes: windlass state pull>` : output.valueJson;
}
