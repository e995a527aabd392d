/** The candles of one market and interval: loaded by REST, then kept live, older ones on demand. */

import { marketPath } from "../link/rest.ts";
import type { Subscription } from "../link/socket.ts";
import type { Candle, Candles, Market } from "../link/types.ts";
import { type Bar, barOf, fillGaps, mergeBars } from "./bars.ts";
import type { Exchange } from "./exchange.ts";
import { nextOpen, spelled } from "./intervals.ts";

const PAGE = 500;
/** After a page that did not come, this long nobody asks for it: each pixel of a scroll may. */
const RETRY_MS = 2_000;

/** Whoever draws the bars; told at once of each change. */
export interface BarsReader {
  /** All bars may be others. */
  replaced(): void;
  /** One came in at the end, or the last one is another. */
  added(bar: Bar): void;
  /** What there is has been told; `isFirst`: there was nothing to see before. */
  settled(isFirst: boolean): void;
}

export class LiveCandles {
  /** The candles as bars in rising time, and flat ones where nothing was traded. */
  drawn: Bar[] = [];
  /** Whether the market's first candle is among them. */
  isWhole = false;
  readonly #exchange: Exchange;
  readonly #reader: BarsReader;
  #market: Market | null = null;
  #interval = "";
  #bars: Bar[] = [];
  #subscription: Subscription | null = null;
  /** Counts changes of market or interval, so that a late answer is recognised. */
  #turn = 0;
  #isLoadingOlder = false;
  #isLoaded = false;
  /** Whether there may be candles before the oldest one; not asked before the first page is in. */
  #hasOlder = false;
  #retryAt = 0;

  constructor(exchange: Exchange, reader: BarsReader) {
    this.#exchange = exchange;
    this.#reader = reader;
    const isCurrent = () => this.#isLoaded && this.#subscription?.isWhole === true;
    exchange.freshness.add("chart", {
      get isWhole() {
        return isCurrent();
      },
    });
  }

  /** Start over with a market and an interval (of `INTERVALS`). */
  follow(market: Market, interval: string): void {
    this.#turn += 1;
    const turn = this.#turn;
    this.#subscription?.close();
    this.#market = market;
    this.#interval = interval;
    this.isWhole = false;
    this.#setBars([]);
    this.#isLoaded = false;
    this.#hasOlder = false;
    this.#isLoadingOlder = false;
    this.#subscription = this.#exchange.socket.subscribe(
      { channel: "candles", market: market.symbol, interval },
      (push) => {
        const list = (Array.isArray(push.data) ? push.data : [push.data]) as Candle[];
        for (const candle of list) this.#update(candle);
      },
      () => this.#load(market, turn),
    );
  }

  /** Load an older page unless a candle is here that opens at `time` or before. */
  async reach(time: number): Promise<void> {
    if (this.#bars[0] && this.#bars[0].time > time) await this.loadOlder();
  }

  /** Load a page of candles before the oldest one, unless one is under way or there is none. */
  async loadOlder(): Promise<void> {
    const market = this.#market;
    const oldest = this.#bars[0];
    if (!market || !oldest || this.#isLoadingOlder || !this.#hasOlder) return;
    if (performance.now() < this.#retryAt) return;
    const turn = this.#turn;
    this.#isLoadingOlder = true;
    try {
      const older = await this.#page(market, oldest.candle.open_time);
      if (turn !== this.#turn) return;
      const merged = mergeBars(older, this.#bars);
      this.isWhole = older.length < PAGE || merged.length === this.#bars.length;
      this.#setBars(merged);
      this.#hasOlder = !this.isWhole;
    } catch {
      this.#retryAt = performance.now() + RETRY_MS;
    } finally {
      if (turn === this.#turn) this.#isLoadingOlder = false;
    }
  }

  async #page(market: Market, end?: string): Promise<Bar[]> {
    const query = new URLSearchParams({ interval: this.#interval, limit: String(PAGE) });
    if (end) query.set("end", end);
    const path = `/markets/${marketPath(market.symbol)}/candles?${query}`;
    const page = await this.#exchange.rest.get<Candles>(path);
    return page.candles.map(barOf);
  }

  async #load(market: Market, turn: number): Promise<void> {
    const page = await this.#page(market);
    if (turn !== this.#turn) return;
    const isFirst = !this.#isLoaded;
    if (isFirst) this.isWhole = page.length < PAGE;
    this.#setBars(mergeBars(this.#bars, page));
    this.#isLoaded = true;
    this.#reader.settled(isFirst);
    if (isFirst) this.#hasOlder = !this.isWhole;
  }

  #setBars(bars: Bar[]): void {
    this.#bars = bars;
    this.drawn = fillGaps(bars, this.#interval);
    this.#reader.replaced();
  }

  #update(candle: Candle): void {
    const isShown = candle.market === this.#market?.symbol;
    if (!isShown || spelled(candle.interval) !== this.#interval) return;
    const bar = barOf(candle);
    const last = this.#bars.at(-1);
    // Two that changed places on the way: the later one has seen more trades.
    if (last?.time === bar.time && last.candle.trades > candle.trades) return;
    const isNext = last && bar.time <= nextOpen(this.#interval, last.time);
    if (isNext && bar.time >= last.time) {
      for (const bars of [this.#bars, this.drawn]) {
        if (last.time === bar.time) bars.pop();
        bars.push(bar);
      }
      this.#reader.added(bar);
    } else {
      this.#setBars(mergeBars(this.#bars, [bar]));
    }
    this.#reader.settled(!last && this.#isLoaded);
  }
}
