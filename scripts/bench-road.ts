import { parseArgs } from "node:util";
import { openScene } from "../test/support/scene.ts";
import { roadTable } from "./benchmark/road.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "15" } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new Error(`--rounds: expected a number from 1, got ${values.rounds}`);
await using scene = await openScene();
console.log(await roadTable(scene, rounds));
