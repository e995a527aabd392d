/** The chart of the selected market: its candles, what is drawn of them, and what stands in it. */

import {
  ColorType,
  createChart,
  CrosshairMode,
  HistogramSeries,
  type IChartApi,
  LineSeries,
  type LogicalRange,
  type MouseEventParams,
  PriceScaleMode,
  TickMarkType,
  type Time,
} from "lightweight-charts";

import { type Clock, clockOf } from "../core/zones.ts";
import { choiceGroup, eachFrame, find, h, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { recall, remember } from "../core/memory.ts";
import { THEME_CHANGED, themeColor } from "../core/theme.ts";
import type { Amending } from "../state/amending.ts";
import { type Bar, priceFormatOf } from "../state/bars.ts";
import { type ChartSettings, readSettings, STUDY_IDS } from "../state/chart-settings.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import type { FormLink } from "../state/form-lines.ts";
import { marksOf } from "../state/fill-marks.ts";
import { INTERVALS, isOfDays } from "../state/intervals.ts";
import type { LiveBook } from "../state/live-book.ts";
import { type BarsReader, LiveCandles } from "../state/live-candles.ts";
import type { Portfolio } from "../state/portfolio.ts";
import { isRise } from "../state/shapes.ts";
import { type AlertLink, ChartAlerts } from "./chart-alerts.ts";
import { ChartForm } from "./chart-form.ts";
import { ChartGrips } from "./chart-grips.ts";
import { mount as mountMenu } from "./chart-menu.ts";
import { ChartSeries } from "./chart-series.ts";
import type { ChartStudies } from "./chart-studies.ts";

/** Older candles are asked for when fewer than these are left of the visible range. */
const MARGIN_BARS = 30;
const VISIBLE_BARS = 110;

/** `onPrice` gets a price that is clicked on in the depth chart; prices of `form` are moved here. */
export function mount(
  element: HTMLElement,
  exchange: Exchange,
  portfolio: Portfolio,
  live: LiveBook,
  amending: Amending,
  form: FormLink,
  onPrice: (price: string) => void,
  alerts: AlertLink,
): void {
  new Chart(element, exchange, portfolio, live, amending, form, alerts);
  mountViews(element, exchange, live, onPrice);
  mountFullScreen(element, find(element, "#chart-full"));
}

/** The price chart or the depth of the book, which is loaded when it is looked at first. */
function mountViews(
  element: HTMLElement,
  exchange: Exchange,
  live: LiveBook,
  onPrice: (price: string) => void,
): void {
  const depth = find(element, "#depth");
  let loading: Promise<unknown> | null = null;
  const show = (view: string) => {
    select(view);
    element.dataset["shows"] = view;
    depth.hidden = view !== "depth";
    if (view !== "depth") return;
    loading ??= import("./depth-chart.ts").then(({ mount: mountDepth }) =>
      mountDepth(depth, exchange, live, onPrice),
    );
    loading.catch(() => (loading = null));
  };
  const select = choiceGroup(find(element, "#chart-views"), show);
  show("price");
}

/**
 * The panel over the whole page, and the page over the whole screen where the browser lets it. Notices
 * stay in sight, as they would not if the panel alone had the screen.
 */
function mountFullScreen(element: HTMLElement, button: HTMLElement): void {
  const show = (isFull: boolean) => {
    element.classList.toggle("full", isFull);
    button.setAttribute("aria-pressed", String(isFull));
  };
  const leave = () => {
    show(false);
    if (document.fullscreenElement) void document.exitFullscreen();
  };
  button.addEventListener("click", () => {
    if (element.classList.contains("full")) return leave();
    show(true);
    // Some browsers have no full screen, or refuse it: then the page is what there is.
    document.documentElement.requestFullscreen?.().catch(() => undefined);
  });
  document.addEventListener("fullscreenchange", () => document.fullscreenElement ?? show(false));
  element.addEventListener("keydown", (event) => event.key === "Escape" && leave());
}

class Chart implements BarsReader {
  readonly #element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #legend: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #chart: IChartApi;
  readonly #series: ChartSeries;
  readonly #grips: ChartGrips;
  readonly #form: ChartForm;
  readonly #alerts: ChartAlerts;
  readonly #selectInterval: (value: string) => void;
  readonly #live: LiveCandles;
  readonly #settings: ChartSettings;
  #studies: ChartStudies | null = null;
  #loadingStudies: Promise<void> | null = null;
  #interval: string;
  #clock: Clock = clockOf(null);

  constructor(
    element: HTMLElement,
    exchange: Exchange,
    portfolio: Portfolio,
    live: LiveBook,
    amending: Amending,
    form: FormLink,
    alerts: AlertLink,
  ) {
    this.#element = element;
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#live = new LiveCandles(exchange, this);
    this.#settings = readSettings(recall("chart"));
    const chosen = recall("interval") ?? "";
    this.#interval = INTERVALS.includes(chosen) ? chosen : "1m";
    this.#legend = find(element, "#chart-legend");
    this.#empty = find(element, "#chart-empty");
    this.#chart = createChart(find(element, "#chart"), {
      autoSize: true,
      crosshair: { mode: CrosshairMode.Normal },
    });
    this.#series = new ChartSeries(this.#chart);
    const grips = find(element, "#chart-grips");
    this.#grips = new ChartGrips(grips, exchange, portfolio, live, amending, this.#series.main);
    this.#form = new ChartForm(find(element, "#chart-form"), exchange, form, this.#series.main);
    this.#alerts = new ChartAlerts(find(element, "#chart"), exchange, alerts, this.#series.main);
    this.#selectInterval = this.#offerIntervals();
    mountMenu(find(element, "#chart-menu"), find(element, "#chart-set"), this.#settings, () => {
      remember("chart", JSON.stringify(this.#settings));
      this.#arrange();
    });
    this.#arrange();
    this.#paint();
    addEventListener(THEME_CHANGED, () => this.#paint());
    this.#chart.subscribeCrosshairMove((event) => this.#drawLegend(event));
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => this.#scrolled(range));
    exchange.market.watch(() => this.#follow());
    portfolio.changed.watch(this.#drawFills);
  }

  /** The usual intervals as buttons, the others in a list; return what shows which is chosen. */
  #offerIntervals(): (value: string) => void {
    const group = find(this.#element, "#intervals");
    const rest = find<HTMLSelectElement>(this.#element, "#more-intervals");
    const isButton = (value: string) => group.querySelector(`[data-value="${value}"]`) !== null;
    for (const value of INTERVALS) {
      if (isButton(value)) continue;
      const option = h("option", { text: value });
      option.value = value;
      rest.append(option);
    }
    const choose = (value: string) => {
      if (!value) return;
      this.#interval = value;
      remember("interval", value);
      this.#follow();
    };
    const select = choiceGroup(group, choose);
    rest.addEventListener("change", () => choose(rest.value));
    return (value) => {
      select(value);
      rest.value = isButton(value) ? "" : value;
      rest.classList.toggle("chosen", !isButton(value));
      // With none of them chosen the group must still be reached by keyboard.
      if (!isButton(value)) find(group, "button").tabIndex = 0;
    };
  }

  /** Draw as the settings say. */
  #arrange(): void {
    const { kind, hasVolume, isLog, hasOrders } = this.#settings;
    if (this.#series.arrange(kind, hasVolume)) {
      this.#grips.hangOn(this.#series.main);
      this.#form.hangOn(this.#series.main);
      this.#alerts.hangOn(this.#series.main);
    }
    this.#grips.show(hasOrders);
    this.#chart.priceScale("right").applyOptions({
      mode: isLog ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal,
    });
    this.#series.replace(this.#live.drawn);
    this.#fitClock();
    this.#arrangeStudies();
    this.#drawFills();
    this.#drawLegend(null);
  }

  #arrangeStudies(): void {
    const isWanted = STUDY_IDS.some((id) => this.#settings.studies[id].isOn);
    if (this.#studies) {
      this.#studies.arrange(this.#settings.studies);
      this.#replaceStudies();
    } else if (isWanted) {
      this.#loadingStudies ??= import("./chart-studies.ts").then((module) => {
        const makers = { line: LineSeries, histogram: HistogramSeries };
        this.#studies = new module.ChartStudies(this.#chart, makers);
        this.#arrangeStudies();
      });
      this.#loadingStudies.catch(() => (this.#loadingStudies = null));
    }
  }

  #replaceStudies(): void {
    const market = this.#exchange.market.value;
    if (!this.#studies || !market) return;
    this.#studies.replace(this.#live, this.#interval, market);
    this.#drawLegend(null);
  }

  #paint(): void {
    this.#chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: themeColor("panel") },
        textColor: themeColor("muted"),
        fontFamily: getComputedStyle(document.body).fontFamily,
        fontSize: 11,
        attributionLogo: true,
        panes: { separatorColor: themeColor("line"), separatorHoverColor: themeColor("hover") },
      },
      grid: {
        vertLines: { color: themeColor("grid") },
        horzLines: { color: themeColor("grid") },
      },
      rightPriceScale: { borderColor: themeColor("line") },
      timeScale: {
        borderColor: themeColor("line"),
        rightOffset: 6,
        tickMarkFormatter: (time: Time, type: TickMarkType) => this.#tick(Number(time), type),
      },
    });
    this.#series.paint();
    this.#series.replace(this.#live.drawn);
    this.#studies?.paint();
    this.#drawFills();
    this.#grips.render();
    this.#form.render();
    this.#alerts.render();
  }

  /** Start over with the selected market and interval. */
  #follow(): void {
    const market = this.#exchange.market.value;
    this.#selectInterval(this.#interval);
    if (!market) return;
    this.#series.fit(market);
    this.#fitClock();
    this.#live.follow(market, this.#interval);
    this.#empty.hidden = true;
  }

  /** Prices have the decimals of the market's tick, times the zone that is chosen. */
  #fitClock(): void {
    const market = this.#exchange.market.value;
    const { zone } = this.#settings;
    // A candle of a day or more is one of UTC, whose date another zone would get wrong.
    const isUtc = zone === "utc" || isOfDays(this.#interval);
    this.#clock = clockOf(isUtc ? "UTC" : zone === "local" ? null : (market?.time_zone ?? "UTC"));
    if (!market) return;
    const { precision } = priceFormatOf(market.price_tick);
    const digits = { minimumFractionDigits: precision, maximumFractionDigits: precision };
    this.#chart.applyOptions({
      localization: {
        priceFormatter: (price: number) => price.toLocaleString("en-US", digits),
        timeFormatter: (time: Time) => this.#clock.full(Number(time)),
      },
    });
    this.#chart.timeScale().applyOptions({
      timeVisible: !isOfDays(this.#interval),
      secondsVisible: this.#interval === "1s",
    });
  }

  /** Axis marks in the chosen zone; the library's are UTC. */
  #tick(seconds: number, type: TickMarkType): string {
    if (type === TickMarkType.Year) return this.#clock.year(seconds);
    if (type === TickMarkType.Month) return this.#clock.month(seconds);
    if (type === TickMarkType.DayOfMonth) return this.#clock.day(seconds);
    return this.#clock.time(seconds, type === TickMarkType.TimeWithSeconds);
  }

  replaced(): void {
    this.#series.replace(this.#live.drawn);
    this.#drawFills();
    this.#replaceStudies();
  }

  added(bar: Bar): void {
    this.#series.add(bar);
    this.#studies?.add(this.#live);
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
    const prices = h("span", {
      class: isRise(bar) ? "up" : "down",
      text: `O\u00a0${o}  H\u00a0${hi}  L\u00a0${lo}  C\u00a0${c}  V\u00a0${format.compact(volume)}`,
    });
    this.#legend.replaceChildren(prices, ...(this.#studies?.legendAt(bar.time) ?? []));
  }

  /** Own fills at the bars in which they happened. */
  readonly #drawFills = eachFrame(() => {
    const market = this.#exchange.market.value;
    const times = this.#live.drawn.map(({ time }) => time);
    const fills = market && this.#settings.hasFills ? this.#portfolio.fills : [];
    this.#series.mark(marksOf(fills, market?.symbol ?? "", times), market ?? undefined);
  });
}
