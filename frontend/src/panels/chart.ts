/** Candles and volume of the selected market, and own open orders among them. */

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
import type { Market } from "../link/types.ts";
import { type Bar, priceFormatOf } from "../state/bars.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import { type BarsReader, INTERVAL_S, LiveCandles } from "../state/live-candles.ts";
import { isUnentered } from "../state/order-kinds.ts";
import type { Portfolio } from "../state/portfolio.ts";

/** Older candles are asked for when fewer than these are left of the visible range. */
const MARGIN_BARS = 30;
const VISIBLE_BARS = 110;

export function mount(element: HTMLElement, exchange: Exchange, portfolio: Portfolio): void {
  new Chart(element, exchange, portfolio);
}

class Chart implements BarsReader {
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #legend: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #chart: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick">;
  readonly #volumes: ISeriesApi<"Histogram">;
  readonly #selectInterval: (value: string) => void;
  readonly #live: LiveCandles;
  #interval: string;
  #orderLines: IPriceLine[] = [];

  constructor(element: HTMLElement, exchange: Exchange, portfolio: Portfolio) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#live = new LiveCandles(exchange, this);
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
    this.#volumes.setData(this.#live.drawn.map(volumeOf));
  }

  /** Start over with the selected market and interval. */
  #follow(): void {
    const market = this.#exchange.market.value;
    this.#selectInterval(this.#interval);
    if (!market) return;
    this.#fitScales(market);
    this.#live.follow(market, this.#interval);
    this.#empty.hidden = true;
    this.#drawOrders();
  }

  /** Prices have the decimals of the market's tick, times the reader's own zone. */
  #fitScales(market: Market): void {
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
  }

  replaced(): void {
    this.#candles.setData(this.#live.drawn.map(candleOf));
    this.#volumes.setData(this.#live.drawn.map(volumeOf));
  }

  added(bar: Bar): void {
    this.#candles.update(candleOf(bar));
    this.#volumes.update(volumeOf(bar));
  }

  settled(isFirst: boolean): void {
    const count = this.#live.drawn.length;
    if (isFirst && count)
      this.#chart.timeScale().setVisibleLogicalRange({ from: count - VISIBLE_BARS, to: count + 6 });
    this.#empty.hidden = count > 0;
    this.#drawLegend(null);
  }

  #scrolled(range: LogicalRange | null): void {
    if (range !== null && range.from < MARGIN_BARS) void this.#live.loadOlder();
  }

  #drawLegend(event: MouseEventParams | null): void {
    const time = event?.time;
    const { drawn } = this.#live;
    const bar = time ? drawn.find((item) => item.time === time) : drawn.at(-1);
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
    const orders = this.#portfolio.openOrders
      .filter((order) => order.market === symbol)
      // One that waits stands where it triggers.
      .map((order) => ({ order, at: isUnentered(order) ? order.stop_price : order.price }))
      .filter(({ at }) => at);
    this.#orderLines = orders.slice(0, 20).map(({ order, at }) =>
      this.#candles.createPriceLine({
        price: Number(at),
        color: themeColor(order.side === "Buy" ? "up" : "down"),
        lineStyle: LineStyle.Dashed,
        lineWidth: 1,
        axisLabelVisible: true,
        title: isUnentered(order) ? `${order.side} trigger` : order.side,
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
