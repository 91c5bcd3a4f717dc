import type { Duration } from "@bufbuild/protobuf/wkt";

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** The seconds of `90s`, `30m`, `1h30m` or `2d`; empty is 0; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed === "0") return 0;
  if (!/^(\d{1,9}[smhd])+$/.test(trimmed)) return undefined;
  return [...trimmed.matchAll(/(\d+)([smhd])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (unitSeconds[unit ?? ""] ?? 0),
    0,
  );
}

/** As `parseDuration` reads it; empty for none and for 0. */
export function durationFlag(duration: Pick<Duration, "seconds"> | undefined): string {
  let left = Number(duration?.seconds ?? 0n);
  const parts = (["d", "h", "m", "s"] as const).map((unit) => {
    const size = unitSeconds[unit] ?? 1;
    const count = Math.floor(left / size);
    left -= count * size;
    return count === 0 ? "" : `${count}${unit}`;
  });
  return parts.join("");
}
