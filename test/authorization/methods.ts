import { glob } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { DescMethod, DescService } from "@bufbuild/protobuf";

const generated = resolve(import.meta.dirname, "../../src/gen");

/** Every method of every service in the generated code. */
export async function publishedMethods(): Promise<readonly DescMethod[]> {
  const files = await Array.fromAsync(glob("**/*_pb.ts", { cwd: generated }));
  const modules = await Promise.all(files.sort().map((file) => import(join(generated, file))));
  const isService = (one: unknown): one is DescService =>
    typeof one === "object" && one !== null && "kind" in one && one.kind === "service";
  return modules.flatMap((module: object) => Object.values(module).filter(isService)).flatMap(({ methods }) => methods);
}
