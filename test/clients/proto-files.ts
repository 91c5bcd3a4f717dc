import { globSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** Every proto file with a service that the server offers: ours, health and reflection. */
export function protoFiles(): readonly string[] {
  const ours = globSync("proto/windlass/**/*.proto", { cwd: root });
  const standard = globSync("third_party/grpc/**/*.proto", { cwd: root });
  if (standard.length === 0) throw new Error("third_party/ is not there: run scripts/third-party");
  return [...ours, ...standard].map((file) => resolve(root, file));
}
