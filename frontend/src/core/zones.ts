/** Times on an axis and beside it, in the reader's own time zone or another one. */

export interface Clock {
  /** A moment in full. */
  full: (seconds: number) => string;
  year: (seconds: number) => string;
  month: (seconds: number) => string;
  day: (seconds: number) => string;
  time: (seconds: number, hasSeconds: boolean) => string;
}

/** `zone`: a name such as `Europe/Berlin`; null is the reader's own. One that is unknown is UTC. */
export function clockOf(zone: string | null): Clock {
  const make = (options: Intl.DateTimeFormatOptions) => {
    const format = formatIn(zone, options);
    return (seconds: number) => format.format(new Date(seconds * 1000));
  };
  const minute = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const [short, long] = [make(minute), make({ ...minute, second: "2-digit" })];
  return {
    full: make({ year: "numeric", month: "short", day: "2-digit", ...minute, second: "2-digit" }),
    year: make({ year: "numeric" }),
    month: make({ month: "short" }),
    day: make({ day: "numeric", month: "short" }),
    time: (seconds, hasSeconds) => (hasSeconds ? long : short)(seconds),
  };
}

function formatIn(zone: string | null, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  if (zone === null) return new Intl.DateTimeFormat(undefined, options);
  try {
    return new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone });
  } catch {
    return new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" });
  }
}
