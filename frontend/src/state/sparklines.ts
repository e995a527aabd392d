/** A day of each market as a line: its candles are asked for once, a few at a time. */

import { Signal } from "../core/signal.ts";
import { marketPath, type Rest } from "../link/rest.ts";
import type { Candles } from "../link/types.ts";

const QUERY = "interval=1h&limit=24";
const AT_ONCE_MAX = 3;
/** Of more markets than these none is drawn: the list is searched then, not looked at. */
const MARKETS_MAX = 60;

export class Sparklines {
  /** Told when a line has come. */
  readonly changed = new Signal(0);
  readonly #rest: Pick<Rest, "get">;
  readonly #closes = new Map<string, number[]>();
  readonly #wanted: string[] = [];
  readonly #asked = new Set<string>();
  #running = 0;

  constructor(rest: Pick<Rest, "get">) {
    this.#rest = rest;
  }

  /** The closing prices of a market's last day, oldest first; empty until they have come. */
  of(symbol: string): readonly number[] {
    if (!this.#asked.has(symbol) && this.#asked.size < MARKETS_MAX) {
      this.#asked.add(symbol);
      this.#wanted.push(symbol);
      this.#next();
    }
    return this.#closes.get(symbol) ?? [];
  }

  #next(): void {
    while (this.#running < AT_ONCE_MAX && this.#wanted.length) {
      this.#running++;
      void this.#load(this.#wanted.shift()!).finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }

  async #load(symbol: string): Promise<void> {
    try {
      const path = `/markets/${marketPath(symbol)}/candles?${QUERY}`;
      const { candles } = await this.#rest.get<Candles>(path);
      // Pixels need no exact decimals.
      this.#closes.set(symbol, candles.map(({ close }) => Number(close)).reverse());
      this.changed.value++;
    } catch (error) {
      console.warn("a sparkline could not be loaded", symbol, error);
    }
  }
}

/** Prices as the points of a line in a box; empty where there is no line to draw. */
export function pointsOf(closes: readonly number[], width: number, height: number): string {
  if (closes.length < 2) return "";
  const [low, high] = [Math.min(...closes), Math.max(...closes)];
  const scale = high > low ? (height - 2) / (high - low) : 0;
  const at = (close: number) => (scale ? height - 1 - (close - low) * scale : height / 2);
  const step = width / (closes.length - 1);
  return closes.map((close, n) => `${(n * step).toFixed(1)},${at(close).toFixed(1)}`).join(" ");
}
