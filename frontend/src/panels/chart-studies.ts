/** Indicators in the chart, loaded with the first one that is switched on. */

import type {
  HistogramData,
  IChartApi,
  ISeriesApi,
  LineData,
  SeriesDefinition,
  UTCTimestamp,
  WhitespaceData,
} from "lightweight-charts";

import { h } from "../core/dom.ts";
import { themeColor } from "../core/theme.ts";
import type { Market } from "../link/types.ts";
import { type Bar, priceFormatOf } from "../state/bars.ts";
import { STUDIES, type Study, STUDY_IDS, type StudyId } from "../state/chart-settings.ts";
import * as indicators from "../state/indicators.ts";
import type { Points } from "../state/indicators.ts";
import { isOfDays } from "../state/intervals.ts";
import type { LiveCandles } from "../state/live-candles.ts";

/** What series are made of; given, so that the library is in one part of the page only. */
interface Makers {
  line: SeriesDefinition<"Line">;
  histogram: SeriesDefinition<"Histogram">;
}

type Api = ISeriesApi<"Line"> | ISeriesApi<"Histogram">;

/** One line of an indicator: its points by the bars, and how it is drawn. */
interface Drawn {
  /** Empty of one that belongs to the line before. */
  name: string;
  /** A colour of the theme. */
  color: string;
  /** 0: among the prices. */
  pane: number;
  isHistogram: boolean;
  decimals: number;
  points: Points;
  api: Api | null;
}

const COLORS = ["study-1", "study-2", "study-3", "study-4"];
const OF_THE_DAY = 86_400;

export class ChartStudies {
  readonly #chart: IChartApi;
  readonly #makers: Makers;
  #studies: Record<StudyId, Study> | null = null;
  #drawn: Drawn[] = [];
  #times: number[] = [];
  #interval = "";
  #decimals = 2;

  constructor(chart: IChartApi, makers: Makers) {
    this.#chart = chart;
    this.#makers = makers;
  }

  /** Take the studies that are to be drawn; `replace` draws them. */
  arrange(studies: Record<StudyId, Study>): void {
    this.#studies = studies;
    for (const { api } of this.#drawn) if (api) this.#chart.removeSeries(api);
    this.#drawn = [];
  }

  replace(live: LiveCandles, interval: string, market: Market): void {
    this.#interval = interval;
    this.#decimals = priceFormatOf(market.price_tick).precision;
    this.#compute(live);
    for (const line of this.#drawn) line.api?.setData(this.#times.map((_, at) => this.#at(line, at)));
    this.#reachSession(live);
  }

  /** The last bar is another, or there is one more. */
  add(live: LiveCandles): void {
    this.#compute(live);
    const last = this.#times.length - 1;
    for (const line of this.#drawn) if (last >= 0) line.api?.update(this.#at(line, last));
  }

  paint(): void {
    for (const { api, color } of this.#drawn) api?.applyOptions({ color: themeColor(color) });
  }

  /** What the lines say at a bar, each in its colour. */
  legendAt(time: number): HTMLElement[] {
    const at = this.#times.lastIndexOf(time);
    const told: HTMLElement[] = [];
    for (const { name, color, points, decimals } of this.#drawn) {
      const point = points[at];
      if (point == null) continue;
      const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
      const figure = point.toLocaleString("en-US", digits);
      // Lines without a name of their own belong to the one before.
      if (name) told.push(h("span", { class: color, text: `${name}\u00a0${figure}` }));
      else told.at(-1)?.append(`\u00a0/\u00a0${figure}`);
    }
    return told;
  }

  #compute(live: LiveCandles): void {
    this.#times = live.drawn.map(({ time }) => time);
    const lines = this.#studies
      ? STUDY_IDS.filter((id) => this.#studies![id].isOn).flatMap((id) => this.#linesOf(id, live))
      : [];
    lines.forEach((line, index) => {
      line.api = this.#drawn[index]?.api ?? this.#make(line);
    });
    this.#drawn = lines;
  }

  #make({ color, pane, isHistogram, decimals }: Drawn): Api {
    const options = {
      color: themeColor(color),
      priceLineVisible: false,
      lastValueVisible: pane > 0,
      priceFormat: { type: "price" as const, precision: decimals, minMove: 10 ** -decimals },
    };
    const api: Api = isHistogram
      ? this.#chart.addSeries(this.#makers.histogram, options, pane)
      : this.#chart.addSeries(
          this.#makers.line,
          { ...options, lineWidth: 1, crosshairMarkerVisible: false },
          pane,
        );
    this.#chart.panes()[0]?.setStretchFactor(3);
    return api;
  }

  #at({ points, isHistogram }: Drawn, at: number): LineData | HistogramData | WhitespaceData {
    const [time, value] = [this.#times[at] as UTCTimestamp, points[at] ?? null];
    if (value === null) return { time };
    const color = isHistogram ? { color: themeColor(value < 0 ? "down-soft" : "up-soft") } : {};
    return { time, value, ...color };
  }

  #linesOf(id: StudyId, live: LiveCandles): Drawn[] {
    const { numbers } = this.#studies![id];
    const [first = 0, second = 0, third = 0] = numbers;
    const { label } = STUDIES[id];
    const closes = live.drawn.map(({ candle }) => Number(candle.close));
    const price = { pane: 0, isHistogram: false, decimals: this.#decimals, api: null };
    if (id === "sma" || id === "ema") {
      return numbers.map((length, index) => ({
        ...price,
        name: `${label} ${length}`,
        color: COLORS[(index + (id === "ema" ? 2 : 0)) % COLORS.length]!,
        points: indicators[id](closes, length),
      }));
    }
    if (id === "bollinger") {
      const bands = indicators.bollinger(closes, first, second);
      return (["upper", "middle", "lower"] as const).map((name) => ({
        ...price,
        name: { upper: "BB", middle: "", lower: "" }[name],
        color: "study-5",
        points: bands[name],
      }));
    }
    if (id === "vwap") return [{ ...price, name: label, color: "study-6", points: this.#vwap(live) }];
    const below = { ...price, pane: this.#paneOf(id) };
    if (id === "rsi") {
      const points = indicators.rsi(closes, first);
      return [{ ...below, decimals: 1, name: `${label} ${first}`, color: "study-1", points }];
    }
    const { macd, signal, histogram } = indicators.macd(closes, first, second, third);
    return [
      { ...below, name: "Histogram", color: "muted", points: histogram, isHistogram: true },
      { ...below, name: label, color: "study-1", points: macd },
      { ...below, name: "Signal", color: "study-2", points: signal },
    ];
  }

  /** RSI and MACD have panes of their own, below the prices. */
  #paneOf(id: StudyId): number {
    return id === "macd" && this.#studies!.rsi.isOn ? 2 : 1;
  }

  /** Since the day began, in UTC; of days since the month did. */
  #sessionOf(time: number): number {
    if (!isOfDays(this.#interval)) return time - (time % OF_THE_DAY);
    const date = new Date(time * 1000);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / 1000;
  }

  #vwap(live: LiveCandles): Points {
    const traded = live.drawn.map(({ time, candle }: Bar) => ({
      time,
      volume: Number(candle.volume),
      amount: Number(candle.quote_volume),
    }));
    return indicators.vwap(traded, (time) => this.#sessionOf(time), live.isWhole);
  }

  /**
   * The average of a session needs all of it: load a page of what is missing of the present one;
   * once it is drawn, the next. A day of minutes has three; one of seconds would have too many.
   */
  #reachSession(live: LiveCandles): void {
    const last = this.#times.at(-1);
    if (!this.#studies?.vwap.isOn || last === undefined || this.#interval === "1s") return;
    // Not before whoever loads has taken note that there is more.
    queueMicrotask(() => void live.reach(this.#sessionOf(last)));
  }
}
