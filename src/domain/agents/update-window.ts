/** When agents may switch: `Mon-Thu 01:00-05:00 Europe/Berlin`. Without days every day; without a zone UTC. It may go past midnight. */
export interface UpdateWindow {
  /** 0 is Sunday: days on which it begins. */
  readonly days: ReadonlySet<number>;
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly zone: string;
}

const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const form = /^(?:([A-Za-z,-]+) +)?(\d{2}):(\d{2})-(\d{2}):(\d{2})(?: +([A-Za-z0-9_+/-]+))?$/;

/** Undefined if the text is none. */
export function readUpdateWindow(text: string): UpdateWindow | undefined {
  const [, days, h1, m1, h2, m2, zone = "UTC"] = form.exec(text.trim()) ?? [];
  if (h1 === undefined || !isZone(zone)) return undefined;
  const fromMinute = minuteOf(h1, m1);
  const toMinute = minuteOf(h2, m2);
  const chosen = days === undefined ? new Set([0, 1, 2, 3, 4, 5, 6]) : daysOf(days);
  if (chosen === undefined || fromMinute === undefined || toMinute === undefined || fromMinute === toMinute)
    return undefined;
  return { days: chosen, fromMinute, toMinute, zone };
}

function minuteOf(hour = "", minute = ""): number | undefined {
  const minutes = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && minutes <= 24 * 60 ? minutes : undefined;
}

function daysOf(text: string): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const [from, to = from, ...more] = part.split("-").map((name) => dayNames.indexOf(name));
    if (from === undefined || to === undefined || from < 0 || to < 0 || more.length > 0) return undefined;
    for (let day = from; ; day = (day + 1) % 7) {
      found.add(day);
      if (day === to) break;
    }
  }
  return found;
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Whether a moment is in it. */
export function isInWindow({ days, fromMinute, toMinute, zone }: UpdateWindow, now: Date): boolean {
  const { day, minute } = placeOf(now, zone);
  if (fromMinute < toMinute) return days.has(day) && minute >= fromMinute && minute < toMinute;
  // Past midnight it is still the window of the day before.
  return (days.has(day) && minute >= fromMinute) || (days.has((day + 6) % 7) && minute < toMinute);
}

function placeOf(now: Date, timeZone: string): { readonly day: number; readonly minute: number } {
  const shape = { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const parts = new Intl.DateTimeFormat("en-US", shape).formatToParts(now);
  const part = (kind: string): string => parts.find(({ type }) => type === kind)?.value ?? "";
  return { day: dayNames.indexOf(part("weekday")), minute: Number(part("hour")) * 60 + Number(part("minute")) };
}
