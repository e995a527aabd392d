/**
 * The prices of the order form in the chart: entry, trigger, take profit and stop loss are moved
 * there by pointer or keys, which fills in the form and sends nothing.
 */

import { type IPriceLine, type ISeriesPrimitive, LineStyle, type Time } from "lightweight-charts";

import { read, write } from "../core/decimal.ts";
import { eachFrame, find, h, setText, syncList } from "../core/dom.ts";
import { themeColor } from "../core/theme.ts";
import type { Market } from "../link/types.ts";
import type { FieldName } from "../state/draft.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import { distanceOf, type FormLine, formLines, type FormLink } from "../state/form-lines.ts";
import { snapped } from "../state/grips.ts";
import type { MainApi } from "./chart-series.ts";
import { dragByPointer, placeGrips } from "./grip-moves.ts";

/** Keys that move a line, by ticks. */
const STEPS: Record<string, bigint> = { ArrowUp: 1n, ArrowDown: -1n, PageUp: 10n, PageDown: -10n };

export class ChartForm {
  readonly #layer: HTMLElement;
  readonly #exchange: Exchange;
  readonly #form: FormLink;
  #series: MainApi;
  #shown: FormLine[] = [];
  #lines = new Map<string, IPriceLine>();
  readonly #follower: ISeriesPrimitive<Time> = {
    paneViews: () => [{ renderer: () => ({ draw: () => this.#place() }) }],
  };

  constructor(layer: HTMLElement, exchange: Exchange, form: FormLink, series: MainApi) {
    this.#layer = layer;
    this.#exchange = exchange;
    this.#form = form;
    this.#series = series;
    series.attachPrimitive(this.#follower);
    form.changed.watch(this.render);
  }

  /** The chart's series is another one: the lines of the former went with it. */
  hangOn(series: MainApi): void {
    this.#series = series;
    this.#lines.clear();
    series.attachPrimitive(this.#follower);
    this.render();
  }

  get #market(): Market | null {
    return this.#exchange.market.value;
  }

  readonly render = eachFrame(() => {
    const isOwn = this.#exchange.config.user !== null && this.#market !== null;
    const { draft, hasExits } = this.#form.read();
    const lines = isOwn ? formLines(draft, hasExits) : [];
    if (lines.length + this.#shown.length === 0) return;
    this.#shown = lines;
    syncList(
      this.#layer,
      this.#shown,
      ({ field }) => field,
      ({ field }) => this.#make(field),
      (element, line) => this.#draw(element, line),
    );
    this.#drawLines();
    this.#place();
  });

  #make(field: FieldName): HTMLElement {
    const body = h(
      "div",
      {
        class: "grip-body",
        title: "Drag, or arrow keys: fills in the form",
        attrs: { role: "slider", tabindex: "0", "aria-orientation": "vertical" },
      },
      h("b", { class: "grip-side" }),
      h("span", { class: "grip-note num" }),
    );
    body.addEventListener("keydown", (event) => this.#pressed(event, field));
    dragByPointer(body, this.#layer, {
      series: () => this.#series,
      grab: () => this.#priceOf(field),
      move: (price) => this.#set(field, write(snapped(price, this.#market!))),
      drop: () => undefined,
      leave: () => undefined,
    });
    return h("div", { class: `grip form ${field}` }, body);
  }

  #priceOf(field: FieldName): number | null {
    const line = this.#shown.find((one) => one.field === field);
    return line ? Number(write(line.price)) : null;
  }

  #draw(element: HTMLElement, line: FormLine): void {
    const market = this.#market!;
    const body = find(element, ".grip-body");
    const price = figures.price(write(line.price), market);
    const distance = distanceOf(line, this.#shown);
    setText(find(element, ".grip-side"), line.label);
    setText(find(element, ".grip-note"), line.isUnset ? "drag to set" : distance);
    for (const [key, value] of Object.entries({
      "aria-label": `${line.label} of the form`,
      "aria-valuemin": market.price_tick,
      "aria-valuemax": market.max_price,
      "aria-valuenow": write(line.price),
      "aria-valuetext": line.isUnset ? "not set" : [price, distance].filter(Boolean).join(", "),
    })) {
      if (body.getAttribute(key) !== value) body.setAttribute(key, value);
    }
  }

  #drawLines(): void {
    const set = this.#shown.filter(({ isUnset }) => !isUnset);
    const known = new Set<string>(set.map(({ field }) => field));
    for (const [field, line] of this.#lines) {
      if (known.has(field)) continue;
      this.#series.removePriceLine(line);
      this.#lines.delete(field);
    }
    for (const { field, price } of set) {
      const color = themeColor({ profit: "up", loss: "down" }[field as "profit"] ?? "accent");
      const options = { price: Number(write(price)), color, lineStyle: LineStyle.Dotted };
      const line = this.#lines.get(field);
      if (line) line.applyOptions(options);
      else this.#lines.set(field, this.#series.createPriceLine({ ...options, lineWidth: 1 as const }));
    }
  }

  #place(): void {
    const placed = this.#shown.flatMap(({ field, price }) => {
      const element = [...this.#layer.children].find(
        (child) => (child as HTMLElement).dataset["key"] === field,
      );
      return element ? [{ element: element as HTMLElement, price: Number(write(price)) }] : [];
    });
    placeGrips(this.#layer, this.#series, placed, 1);
  }

  #pressed(event: KeyboardEvent, field: FieldName): void {
    const line = this.#shown.find((one) => one.field === field);
    const step = STEPS[event.key];
    if (!line || !step || !this.#market) return;
    event.preventDefault();
    const next = line.price + read(this.#market.price_tick) * step * (event.shiftKey ? 10n : 1n);
    if (next > 0n && next <= read(this.#market.max_price)) this.#set(field, write(next));
  }

  #set(field: FieldName, value: string): void {
    this.#form.set(field, value);
    this.render();
  }
}
