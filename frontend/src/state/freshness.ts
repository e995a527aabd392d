/**
 * How old what each panel shows is: since when nothing has proven it. A quiet market is not old: the
 * proof comes from the line (`link/pulse.ts`), and counts for a panel that has all it was to load.
 */

import { Signal } from "../core/signal.ts";
import type { Beat, MarketPulse } from "../link/pulse.ts";

export type Part = "chart" | "book" | "tape" | "ticker" | "account";
export const PARTS: readonly Part[] = ["chart", "book", "tape", "ticker", "account"];

/** From this age on a panel is marked: by then a wrong number has stood for less than a second. */
export const OLD_MS = 750;
/** From this age of the book on nothing is sent that was judged by it. */
export const SHUT_MS = 2_000;
/** Candles and 24 hours' figures are counted each second; older than this they stand still. */
export const COUNTED_MS = 5_000;
/** A page that was busy, or asleep, first hears what waits for it. */
const LATE_MS = 500;
const HEAR_MS = 150;

/** What a panel shows, as far as it can be proven. */
export interface Proven {
  /** Whether everything is there that it began with, and follows on. */
  readonly isWhole: boolean;
  /** Compare with how far the exchange is; false: something is missing, and is being fetched. */
  agrees?(market: MarketPulse): boolean;
}

export class Freshness {
  /** Notified when a part gets old or new, or the book does for the order form. */
  readonly changed = new Signal<null>(null);
  latencyMs: number | null = null;
  readonly #nowMs: () => number;
  readonly #parts = new Map<Part, Proven>();
  readonly #provenMs = new Map<Part, number>();
  #old = new Set<Part>();
  #isShut = false;
  #judgedMs = -Infinity;
  #hearsUntilMs = -Infinity;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Say what is to be proven of a part. */
  add(part: Part, proven: Proven): void {
    this.#parts.set(part, proven);
  }

  /** Take a beat in: it proves what is whole and no further behind than the question. */
  take({ sentMs, latencyMs, time, market }: Beat): void {
    this.latencyMs = latencyMs;
    if (market && !market.is_live) return;
    const isCounted = !market || !time || isRecent(market.counted_at, time);
    for (const [part, proven] of this.#parts) {
      // Asked of what is not whole, too: it may lack what nobody sends again.
      const agrees = !market || proven.agrees?.(market) !== false;
      if (!proven.isWhole || !agrees) continue;
      if (!isCounted && (part === "chart" || part === "ticker")) continue;
      this.#provenMs.set(part, Math.max(sentMs, this.#provenMs.get(part) ?? sentMs));
    }
    this.judge();
  }

  /** How old a part is; null where it was never proven: nothing of it was live yet. */
  ageMs(part: Part): number | null {
    const provenMs = this.#provenMs.get(part);
    return provenMs === undefined ? null : Math.max(0, this.#nowMs() - provenMs);
  }

  /** How old the newest proof of anything is. */
  get lineAgeMs(): number | null {
    const newest = Math.max(...this.#provenMs.values());
    return newest > -Infinity ? Math.max(0, this.#nowMs() - newest) : null;
  }

  isOld(part: Part): boolean {
    return this.#old.has(part);
  }

  /** Whether the book is not live, so that no order should be judged by it. */
  get isShut(): boolean {
    return this.#isShut;
  }

  /** Look at the clock; to be called often. */
  judge(): void {
    const now = this.#nowMs();
    if (now - this.#judgedMs > LATE_MS) this.#hearsUntilMs = now + HEAR_MS;
    this.#judgedMs = now;
    // What has just been loaded is new, and from there on has to be proven.
    for (const [part, { isWhole }] of this.#parts)
      if (isWhole && !this.#provenMs.has(part)) this.#provenMs.set(part, now);
    const old = new Set(PARTS.filter((part) => this.#isOld(part, now < this.#hearsUntilMs)));
    const isShut = this.#isBookShut();
    const isSame = isShut === this.#isShut && PARTS.every((part) => old.has(part) === this.#old.has(part));
    this.#old = old;
    this.#isShut = isShut;
    if (!isSame) this.changed.notify();
  }

  #isOld(part: Part, isHearing: boolean): boolean {
    const age = this.ageMs(part);
    if (age === null || age <= OLD_MS) return false;
    // What was marked stays so; what was not waits for what has come in meanwhile.
    return !isHearing || this.#old.has(part);
  }

  #isBookShut(): boolean {
    const age = this.ageMs("book");
    if (age === null) return false;
    return age > SHUT_MS || this.#parts.get("book")?.isWhole === false;
  }
}

function isRecent(countedAt: string | null, time: string): boolean {
  return countedAt === null || Date.parse(time) - Date.parse(countedAt) <= COUNTED_MS;
}

/** An age as it is read: `4.2 s old`, from a minute on in minutes. */
export function ageText(ageMs: number): string {
  const tenths = Math.floor(ageMs / 100);
  if (tenths < 600) return `${Math.floor(tenths / 10)}.${tenths % 10} s old`;
  return `${Math.floor(tenths / 600)} min old`;
}
