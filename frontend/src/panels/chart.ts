/** Candles and volume of the selected market: loaded by REST, then live, older ones on demand. */

import {
  type CandlestickData,
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  type HistogramData,
  HistogramSeries,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  LineStyle,
  type LogicalRange,
  type MouseEventParams,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";

import { choiceGroup, eachFrame, find, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { recall, remember } from "../core/memory.ts";
import { THEME_CHANGED, themeColor } from "../core/theme.ts";
import { marketPath } from "../link/rest.ts";
import type { Subscription } from "../link/socket.ts";
import type { Candle, Candles, Market } from "../link/types.ts";
import { type Bar, barOf, fillGaps, mergeBars, priceFormatOf } from "../state/bars.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import type { Portfolio } from "../state/portfolio.ts";

/** The intervals on offer and their lengths in seconds. */
const INTERVAL_S: Record<string, number> = {
  "1m": 60,
  "5m": 300,
  "15m": 900,
  "1h": 3_600,
  "4h": 14_400,
  "1d": 86_400,
};
const EMITTED: Record<string, string> = {
  Minute1: "1m",
  Minute5: "5m",
  Minute15: "15m",
  Hour1: "1h",
  Hour4: "4h",
  Day1: "1d",
};
const PAGE = 500;
/** Older candles are asked for when fewer than these are left of the visible range. */
const MARGIN_BARS = 30;
const VISIBLE_BARS = 110;

export function mount(element: HTMLElement, exchange: Exchange, portfolio: Portfolio): void {
  new Chart(element, exchange, portfolio);
}

class Chart {
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #legend: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #chart: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick">;
  readonly #volumes: ISeriesApi<"Histogram">;
  readonly #selectInterval: (value: string) => void;
  #interval: string;
  #bars: Bar[] = [];
  /** The bars as drawn: those, and flat ones between them. */
  #drawn: Bar[] = [];
  #subscription: Subscription | null = null;
  #orderLines: IPriceLine[] = [];
  /** Counts changes of market or interval, so that a late answer is recognised. */
  #turn = 0;
  #isLoadingOlder = false;
  #isLoaded = false;
  /** Whether there may be candles before the oldest one; not asked before the first page is in. */
  #hasOlder = false;

  constructor(element: HTMLElement, exchange: Exchange, portfolio: Portfolio) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    const chosen = recall("interval");
    this.#interval = chosen && chosen in INTERVAL_S ? chosen : "1m";
    this.#legend = find(element, "#chart-legend");
    this.#empty = find(element, "#chart-empty");
    this.#chart = createChart(find(element, "#chart"), {
      autoSize: true,
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { scaleMargins: { top: 0.08, bottom: 0.24 } },
    });
    this.#candles = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.#volumes = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#selectInterval = choiceGroup(find(element, "#intervals"), (value) => {
      this.#interval = value;
      remember("interval", value);
      this.#follow();
    });
    this.#selectInterval(this.#interval);
    this.#paint();
    addEventListener(THEME_CHANGED, () => this.#paint());
    this.#chart.subscribeCrosshairMove((event) => this.#drawLegend(event));
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => this.#scrolled(range));
    exchange.market.watch(() => this.#follow());
    portfolio.changed.watch(this.#drawOrders);
  }

  #paint(): void {
    const [up, down] = [themeColor("up"), themeColor("down")];
    this.#chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: themeColor("panel") },
        textColor: themeColor("muted"),
        fontFamily: getComputedStyle(document.body).fontFamily,
        fontSize: 11,
        attributionLogo: true,
      },
      grid: {
        vertLines: { color: themeColor("grid") },
        horzLines: { color: themeColor("grid") },
      },
      rightPriceScale: { borderColor: themeColor("line") },
      timeScale: {
        borderColor: themeColor("line"),
        rightOffset: 6,
        timeVisible: this.#interval !== "1d",
        secondsVisible: false,
        tickMarkFormatter: localTick,
      },
    });
    this.#candles.applyOptions({
      upColor: up,
      downColor: down,
      wickUpColor: up,
      wickDownColor: down,
    });
    this.#volumes.setData(this.#drawn.map(volumeOf));
  }

  /** Start over with the selected market and interval. */
  #follow(): void {
    const market = this.#exchange.market.value;
    this.#selectInterval(this.#interval);
    if (!market) return;
    this.#turn += 1;
    const turn = this.#turn;
    this.#subscription?.close();
    this.#setBars([]);
    this.#isLoaded = false;
    this.#hasOlder = false;
    this.#isLoadingOlder = false;
    this.#empty.hidden = true;
    const priceFormat = priceFormatOf(market.price_tick);
    const { precision } = priceFormat;
    const digits = { minimumFractionDigits: precision, maximumFractionDigits: precision };
    this.#chart.applyOptions({
      localization: {
        priceFormatter: (price: number) => price.toLocaleString("en-US", digits),
        timeFormatter: (time: Time) => format.dateTime(isoOf(time)),
      },
    });
    this.#candles.applyOptions({ priceFormat });
    this.#chart.timeScale().applyOptions({ timeVisible: this.#interval !== "1d" });
    this.#subscription = this.#exchange.socket.subscribe(
      { channel: "candles", market: market.symbol, interval: this.#interval },
      (push) => {
        const list = (Array.isArray(push.data) ? push.data : [push.data]) as Candle[];
        for (const candle of list) this.#update(candle);
      },
      () =>
        void this.#load(market, turn).catch((error: unknown) => console.warn("no candles", error)),
    );
    this.#drawOrders();
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
    this.#setBars(mergeBars(this.#bars, page));
    if (isFirst) {
      this.#isLoaded = true;
      this.#showLatest();
      this.#hasOlder = page.length >= PAGE;
    }
    this.#empty.hidden = this.#bars.length > 0;
    this.#drawLegend(null);
  }

  #showLatest(): void {
    const count = this.#drawn.length;
    if (count)
      this.#chart.timeScale().setVisibleLogicalRange({ from: count - VISIBLE_BARS, to: count + 6 });
  }

  #setBars(bars: Bar[]): void {
    this.#bars = bars;
    this.#drawn = fillGaps(bars, INTERVAL_S[this.#interval]!);
    this.#candles.setData(this.#drawn.map(candleOf));
    this.#volumes.setData(this.#drawn.map(volumeOf));
  }

  #update(candle: Candle): void {
    const isShown = candle.market === this.#exchange.market.value?.symbol;
    if (!isShown || (EMITTED[candle.interval] ?? candle.interval) !== this.#interval) return;
    const bar = barOf(candle);
    const last = this.#bars.at(-1);
    const isNext = last && bar.time - last.time <= INTERVAL_S[this.#interval]!;
    if (isNext && bar.time >= last.time) {
      for (const bars of [this.#bars, this.#drawn]) {
        if (last.time === bar.time) bars.pop();
        bars.push(bar);
      }
      this.#candles.update(candleOf(bar));
      this.#volumes.update(volumeOf(bar));
    } else {
      this.#setBars(mergeBars(this.#bars, [bar]));
    }
    this.#empty.hidden = true;
    if (!last && this.#isLoaded) this.#showLatest();
    this.#drawLegend(null);
  }

  async #scrolled(range: LogicalRange | null): Promise<void> {
    const market = this.#exchange.market.value;
    const oldest = this.#bars[0];
    const isNear = range !== null && range.from < MARGIN_BARS;
    if (!isNear || !market || !oldest || this.#isLoadingOlder || !this.#hasOlder) return;
    const turn = this.#turn;
    this.#isLoadingOlder = true;
    try {
      const older = await this.#page(market, oldest.candle.open_time);
      if (turn !== this.#turn) return;
      const count = this.#bars.length;
      this.#setBars(mergeBars(older, this.#bars));
      this.#hasOlder = older.length >= PAGE && this.#bars.length > count;
    } catch {
      this.#hasOlder = false;
    } finally {
      if (turn === this.#turn) this.#isLoadingOlder = false;
    }
  }

  #drawLegend(event: MouseEventParams | null): void {
    const time = event?.time;
    const bar = time ? this.#drawn.find((item) => item.time === time) : this.#drawn.at(-1);
    if (!bar) {
      setText(this.#legend, "");
      return;
    }
    const market = this.#exchange.market.value ?? undefined;
    const { open, high, low, close, volume } = bar.candle;
    const [o, hi, lo, c] = [open, high, low, close].map((text) => figures.price(text, market));
    setText(
      this.#legend,
      `O\u00a0${o}  H\u00a0${hi}  L\u00a0${lo}  C\u00a0${c}  V\u00a0${format.compact(volume)}`,
    );
    this.#legend.className = `legend num ${Number(close) >= Number(open) ? "up" : "down"}`;
  }

  /** Own open orders as dashed lines. */
  readonly #drawOrders = eachFrame(() => {
    for (const line of this.#orderLines) this.#candles.removePriceLine(line);
    const symbol = this.#exchange.market.value?.symbol;
    const orders = this.#portfolio.openOrders.filter(
      (order) => order.market === symbol && order.price,
    );
    this.#orderLines = orders.slice(0, 20).map((order) =>
      this.#candles.createPriceLine({
        price: Number(order.price),
        color: themeColor(order.side === "Buy" ? "up" : "down"),
        lineStyle: LineStyle.Dashed,
        lineWidth: 1,
        axisLabelVisible: true,
        title: order.side,
      }),
    );
  });
}

// Pixels need no exact decimals: these floats are drawn and never sent.
function candleOf({ candle, time }: Bar): CandlestickData<UTCTimestamp> {
  return {
    time: time as UTCTimestamp,
    open: Number(candle.open),
    high: Number(candle.high),
    low: Number(candle.low),
    close: Number(candle.close),
  };
}

function volumeOf({ candle, time }: Bar): HistogramData<UTCTimestamp> {
  const isUp = Number(candle.close) >= Number(candle.open);
  return {
    time: time as UTCTimestamp,
    value: Number(candle.volume),
    color: themeColor(isUp ? "up-soft" : "down-soft"),
  };
}

function isoOf(time: Time): string {
  return new Date(Number(time) * 1000).toISOString();
}

/** Axis marks in the reader's own time zone; the library's are UTC. */
function localTick(time: Time, kind: number): string {
  const date = new Date(Number(time) * 1000);
  if (kind === 0) return date.toLocaleDateString(undefined, { year: "numeric" });
  if (kind === 1) return date.toLocaleDateString(undefined, { month: "short" });
  if (kind === 2) return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  return date.toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
}
