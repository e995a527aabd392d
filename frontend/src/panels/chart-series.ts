/** The chart's main series, in the shape that is chosen, with what hangs on it: volume and fills. */

import {
  AreaSeries,
  CandlestickSeries,
  createSeriesMarkers,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  LineSeries,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";

import { themeColor } from "../core/theme.ts";
import type { Market } from "../link/types.ts";
import { type Bar, type PriceFormat, priceFormatOf } from "../state/bars.ts";
import type { ChartKind } from "../state/chart-settings.ts";
import * as figures from "../state/figures.ts";
import type { FillMark } from "../state/fill-marks.ts";
import { candleOf, heikinAfter, heikinAshi, isRise, type Ohlc } from "../state/shapes.ts";

export type MainApi = ISeriesApi<"Candlestick"> | ISeriesApi<"Line"> | ISeriesApi<"Area">;

export class ChartSeries {
  readonly #chart: IChartApi;
  readonly #volumes: ISeriesApi<"Histogram">;
  #main: MainApi;
  #marks: ISeriesMarkersPluginApi<Time>;
  #kind: ChartKind = "candles";
  #format: PriceFormat = priceFormatOf("0.01");
  /** The Heikin-Ashi candles that are drawn: the next one begins with the last. */
  #heikin: Ohlc[] = [];

  constructor(chart: IChartApi) {
    this.#chart = chart;
    this.#volumes = chart.addSeries(HistogramSeries, {
      priceScaleId: "",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#main = chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.#marks = createSeriesMarkers<Time>(this.#main, []);
  }

  /** What other things are put on; another one after `arrange` has returned true. */
  get main(): MainApi {
    return this.#main;
  }

  /** Return whether the main series is another one now. */
  arrange(kind: ChartKind, hasVolume: boolean): boolean {
    const isOther = kind !== this.#kind && (isCandles(kind) ? !isCandles(this.#kind) : true);
    this.#kind = kind;
    this.#volumes.applyOptions({ visible: hasVolume });
    const bottom = hasVolume ? 0.24 : 0.08;
    this.#chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.08, bottom } });
    if (!isOther) return false;
    this.#chart.removeSeries(this.#main);
    this.#main = this.#make(kind);
    this.#marks = createSeriesMarkers<Time>(this.#main, []);
    this.paint();
    return true;
  }

  #make(kind: ChartKind): MainApi {
    const priceFormat = this.#format;
    if (kind === "line") return this.#chart.addSeries(LineSeries, { priceFormat, lineWidth: 2 });
    if (kind === "area") return this.#chart.addSeries(AreaSeries, { priceFormat, lineWidth: 2 });
    return this.#chart.addSeries(CandlestickSeries, { priceFormat, borderVisible: false });
  }

  fit(market: Market): void {
    this.#format = priceFormatOf(market.price_tick);
    this.#main.applyOptions({ priceFormat: this.#format });
  }

  paint(): void {
    const [up, down, accent] = [themeColor("up"), themeColor("down"), themeColor("accent")];
    if (this.#kind === "line") {
      (this.#main as ISeriesApi<"Line">).applyOptions({ color: accent });
    } else if (this.#kind === "area") {
      const [topColor, bottomColor] = [`${accent}55`, `${accent}05`];
      (this.#main as ISeriesApi<"Area">).applyOptions({ lineColor: accent, topColor, bottomColor });
    } else {
      const colors = { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down };
      (this.#main as ISeriesApi<"Candlestick">).applyOptions(colors);
    }
  }

  replace(bars: readonly Bar[]): void {
    this.#heikin = this.#kind === "heikin" ? heikinAshi(bars) : [];
    if (isCandles(this.#kind)) {
      const candles = this.#kind === "heikin" ? this.#heikin : bars.map(candleOf);
      (this.#main as ISeriesApi<"Candlestick">).setData(candles.map(timed));
    } else {
      (this.#main as ISeriesApi<"Line">).setData(bars.map(closeOf));
    }
    this.#volumes.setData(bars.map(volumeOf));
  }

  add(bar: Bar): void {
    if (isCandles(this.#kind)) {
      const candle = this.#kind === "heikin" ? this.#addHeikin(bar) : candleOf(bar);
      (this.#main as ISeriesApi<"Candlestick">).update(timed(candle));
    } else {
      (this.#main as ISeriesApi<"Line">).update(closeOf(bar));
    }
    this.#volumes.update(volumeOf(bar));
  }

  #addHeikin(bar: Bar): Ohlc {
    if (this.#heikin.at(-1)?.time === bar.time) this.#heikin.pop();
    const candle = heikinAfter(candleOf(bar), this.#heikin.at(-1));
    this.#heikin.push(candle);
    return candle;
  }

  mark(marks: readonly FillMark[], market: Market | undefined): void {
    const [up, down] = [themeColor("up"), themeColor("down")];
    this.#marks.setMarkers(
      marks.map(
        ({ time, side, quantity }): SeriesMarker<Time> => ({
          time: time as UTCTimestamp,
          position: side === "Buy" ? "belowBar" : "aboveBar",
          shape: side === "Buy" ? "arrowUp" : "arrowDown",
          color: side === "Buy" ? up : down,
          text: figures.showQuantity(quantity, market),
        }),
      ),
    );
  }
}

function isCandles(kind: ChartKind): boolean {
  return kind === "candles" || kind === "heikin";
}

function timed(candle: Ohlc) {
  return { ...candle, time: candle.time as UTCTimestamp };
}

function closeOf({ candle, time }: Bar) {
  return { time: time as UTCTimestamp, value: Number(candle.close) };
}

function volumeOf(bar: Bar) {
  return {
    time: bar.time as UTCTimestamp,
    value: Number(bar.candle.volume),
    color: themeColor(isRise(bar) ? "up-soft" : "down-soft"),
  };
}
