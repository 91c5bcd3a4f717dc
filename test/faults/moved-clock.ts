// Loaded into a program under test before anything else (see `ClockHand`): its wall clock goes as far ahead as a file says.
import { readFileSync } from "node:fs";
import { readEnvironment } from "../../src/lib/environment.ts";

const { FAULTS_CLOCK_FILE: path = "" } = readEnvironment();
const RealDate = Date;

const nowMs = (): number => RealDate.now() + Number(readFileSync(path, "utf8"));

if (path !== "") {
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, caller) => Reflect.construct(target, args.length === 0 ? [nowMs()] : args, caller),
    get: (target, key) => (key === "now" ? nowMs : Reflect.get(target, key)),
  });
}
