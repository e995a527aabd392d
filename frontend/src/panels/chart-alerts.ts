/** One's price alerts as lines in the chart; a press of the other button there sets another one. */

import { type IPriceLine, LineStyle } from "lightweight-charts";

import { write } from "../core/decimal.ts";
import { eachFrame } from "../core/dom.ts";
import { themeColor } from "../core/theme.ts";
import type { Alerts } from "../state/alerts.ts";
import type { Exchange } from "../state/exchange.ts";
import { snapped } from "../state/grips.ts";
import type { MainApi } from "./chart-series.ts";

/** Whose they are, and what opens the form of a new one at a price. */
export interface AlertLink {
  alerts: Alerts;
  open: (price: string) => void;
}

export class ChartAlerts {
  readonly #exchange: Exchange;
  readonly #link: AlertLink;
  #series: MainApi;
  #lines = new Map<string, IPriceLine>();

  constructor(element: HTMLElement, exchange: Exchange, link: AlertLink, series: MainApi) {
    this.#exchange = exchange;
    this.#link = link;
    this.#series = series;
    link.alerts.list.watch(this.render);
    exchange.market.watch(this.render);
    element.addEventListener("contextmenu", (event) => {
      // A long touch moves the crosshair: it is no press of the other button.
      if ("pointerType" in event && event.pointerType === "touch") return;
      const market = exchange.market.value;
      const y = event.clientY - element.getBoundingClientRect().top;
      const price = this.#series.coordinateToPrice(y);
      if (!market || price === null || !exchange.config.user) return;
      event.preventDefault();
      link.open(write(snapped(price, market)));
    });
  }

  /** The chart's series is another one: the lines of the former went with it. */
  hangOn(series: MainApi): void {
    this.#series = series;
    this.#lines.clear();
    this.render();
  }

  readonly render = eachFrame(() => {
    const symbol = this.#exchange.market.value?.symbol ?? "";
    const live = this.#link.alerts.liveIn(symbol);
    const known = new Set(live.map(({ id }) => id));
    for (const [id, line] of this.#lines) {
      if (known.has(id)) continue;
      this.#series.removePriceLine(line);
      this.#lines.delete(id);
    }
    for (const { id, price, condition, state } of live) {
      const options = {
        price: Number(price),
        color: themeColor("warn"),
        lineStyle: state === "Away" ? LineStyle.SparseDotted : LineStyle.Dotted,
        lineWidth: 1 as const,
        axisLabelVisible: true,
        title: condition === "RisesTo" ? "alert ↑" : "alert ↓",
      };
      const line = this.#lines.get(id);
      if (line) line.applyOptions(options);
      else this.#lines.set(id, this.#series.createPriceLine(options));
    }
  });
}
