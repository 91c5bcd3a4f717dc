import { resolve } from "node:path";
import { bundlePrograms } from "./bundling/bundle.ts";

await bundlePrograms(resolve(import.meta.dirname, ".."));
