/** How figures and times read in the page. */

import { floorTo, read, show, showAll, write } from "./decimal.ts";

export const NONE = "–";

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

const exact = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});

const untilMinute: Intl.DateTimeFormatOptions = {
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
};
const thisYear = new Intl.DateTimeFormat(undefined, untilMinute);
const otherYear = new Intl.DateTimeFormat(undefined, { ...untilMinute, year: "numeric" });

export function timeOfDay(iso: string): string {
  return clock.format(new Date(iso));
}

export function dateTime(iso: string): string {
  return dayAndClock.format(new Date(iso));
}

/** A time to the millisecond, with its day. */
export function exactTime(iso: string): string {
  return exact.format(new Date(iso));
}

/** A time to come, to the minute; with its year where that is not this one. */
export function dayTime(iso: string): string {
  const time = new Date(iso);
  const isThisYear = time.getFullYear() === new Date().getFullYear();
  return (isThisYear ? thisYear : otherYear).format(time);
}

/** A balance: two decimals for what looks like a currency, eight for the rest, no tail of zeros. */
export function balance(text: string): string {
  const amount = read(text);
  return showAll(amount, amount % 10n ** 16n === 0n ? 2 : 0);
}

/** A price change in percent, with its sign. */
export function percent(text: string | null | undefined): string {
  if (text == null) return NONE;
  const shown = show(read(text), 2);
  return `${/[1-9]/.test(shown) && !shown.startsWith("-") ? "+" : ""}${shown}%`;
}

/** A class for a rise or a fall; a figure that did not move has none. */
export function trend(text: string | null | undefined): "up" | "down" | "" {
  const amount = read(text);
  return amount > 0n ? "up" : amount < 0n ? "down" : "";
}

/** Figures of a volume below 1 that are shown: 0.0020649 -> 0.00206. */
const SMALL_DIGITS = 3;

/** Volumes in short: 1,234,567 -> 1.23M, and never 0.00 for what is not nothing. */
export function compact(text: string | null | undefined): string {
  if (text == null) return NONE;
  const amount = read(text);
  for (const [suffix, power] of [
    ["B", 9n],
    ["M", 6n],
    ["K", 3n],
  ] as const) {
    const unit = 10n ** power;
    if (amount >= unit * 10n ** 18n * (power === 3n ? 10n : 1n)) {
      return show(amount / unit, 2) + suffix;
    }
  }
  if (amount <= 0n || amount >= 10n ** 18n) return show(amount, 2);
  const zeros = 18 - amount.toString().length;
  return showAll(floorTo(amount, 10n ** BigInt(Math.max(0, 18 - zeros - SMALL_DIGITS))), 2);
}

/** A rate such as `0.00075` as `0.075%`. */
export function rate(fraction: string): string {
  return `${write(read(fraction) * 100n)}%`;
}

/** `PartiallyFilled` -> `Partially filled`. */
export function words(name: string): string {
  const spaced = name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** What the exchange expected of a field (`expected at most 1000`) as a sentence about it. */
export function expectation(label: string, expected: string): string {
  const grouped = expected.replace(/\d{5,}(?:\.\d+)?/g, (digits) => showAll(read(digits), 0));
  const rest = grouped.replace(/^expected /, "");
  return sentence(rest === grouped ? `${label}: ${grouped}` : `${label} must be ${rest}`);
}

/** Begin with a capital and end with a full stop, as a message for people does. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const end = /[.!?]$/.test(trimmed) ? "" : ".";
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + end;
}
