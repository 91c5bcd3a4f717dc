import type { Random } from "../../src/lib/random.ts";

/** Chance that is the same in each run of a schedule (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(fraction() * 256));
  const uuid = (): string => {
    const hex = Buffer.from(bytes(16)).toString("hex").split("");
    hex[12] = "4";
    hex[16] = "8";
    const text = hex.join("");
    return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
  };
  return { fraction, bytes, uuid };
}
