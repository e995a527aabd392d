/**
 * Own open orders in the chart: each a line and a grip on it, which is moved by pointer or by keys,
 * says before it is let go what becomes of the order's place, and cancels it.
 */

import { type IPriceLine, type ISeriesPrimitive, LineStyle, type Time } from "lightweight-charts";

import { read, write } from "../core/decimal.ts";
import { eachFrame, find, h, setText, syncList } from "../core/dom.ts";
import { themeColor } from "../core/theme.ts";
import type { Market, Order } from "../link/types.ts";
import type { Amending } from "../state/amending.ts";
import type { Prices } from "../state/draft.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import {
  amendmentOf,
  type Effect,
  EFFECTS,
  effectOf,
  type Grip,
  gripsOf,
  snapped,
  stepped,
  type Terms,
} from "../state/grips.ts";
import type { LiveBook } from "../state/live-book.ts";
import { isViewed } from "../state/lock.ts";
import { isUnentered } from "../state/order-kinds.ts";
import { aheadOf, aheadText } from "../state/own-levels.ts";
import type { Portfolio } from "../state/portfolio.ts";
import { textOf, type Warning } from "../state/warnings.ts";
import type { MainApi } from "./chart-series.ts";
import { dragByPointer, placeGrips } from "./grip-moves.ts";

/** Keys that move a grip: ticks upwards, lots to more. */
const STEPS: Record<string, [number, number]> = {
  ArrowUp: [1, 0],
  ArrowDown: [-1, 0],
  PageUp: [10, 0],
  PageDown: [-10, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** What is being moved: the order, and what it is to ask for. */
interface Move {
  id: string;
  next: Terms;
  /** What is odd about it was said; sending it again confirms that. */
  isAsked?: boolean;
}

export class ChartGrips {
  readonly #element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #live: LiveBook;
  readonly #amending: Amending;
  #series: MainApi;
  #grips: Grip[] = [];
  #lines = new Map<string, IPriceLine>();
  #move: Move | null = null;
  #isShown = true;
  /** Called by the library whenever the pane is drawn: only then is it known what stands where. */
  readonly #follower: ISeriesPrimitive<Time> = {
    paneViews: () => [{ renderer: () => ({ draw: () => this.#place() }) }],
  };

  constructor(
    element: HTMLElement,
    exchange: Exchange,
    portfolio: Portfolio,
    live: LiveBook,
    amending: Amending,
    series: MainApi,
  ) {
    this.#element = element;
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#live = live;
    this.#amending = amending;
    this.#series = series;
    series.attachPrimitive(this.#follower);
    portfolio.changed.watch(this.render);
    amending.changed.watch(this.render);
    exchange.connection.watch(this.render);
    exchange.freshness.changed.watch(this.render);
    exchange.market.watch(() => this.#leave());
    // What a move does depends on the prices on the other side.
    live.changed.watch(() => this.#move && this.render());
  }

  /** The chart's series is another one: the lines of the former went with it. */
  hangOn(series: MainApi): void {
    this.#series = series;
    this.#lines.clear();
    series.attachPrimitive(this.#follower);
    this.render();
  }

  show(isShown: boolean): void {
    this.#isShown = isShown;
    this.render();
  }

  get #market(): Market | null {
    return this.#exchange.market.value;
  }

  get #prices(): Prices {
    const { bids, asks } = this.#live.book;
    const last = this.#exchange.tickers.value.get(this.#market?.symbol ?? "")?.last;
    return {
      last: last == null ? null : read(last),
      bid: bids[0]?.price ?? null,
      ask: asks[0]?.price ?? null,
    };
  }

  /** Why nothing can be moved at all; empty where it can. */
  get #locked(): string {
    if (isViewed(this.#exchange.accountOf(this.#portfolio.accountId.value))) return "view only";
    const { stale } = this.#exchange;
    return stale ? `waiting for the ${stale === "line" ? "connection" : "book"}` : "";
  }

  readonly render = eachFrame(() => {
    const market = this.#market;
    const orders = market && this.#isShown ? this.#portfolio.openOrders : [];
    this.#grips = market ? gripsOf(orders, market.symbol) : [];
    if (this.#move && !this.#moved(this.#move.id)) this.#move = null;
    syncList(
      this.#element,
      this.#grips,
      (grip) => grip.order.id,
      (grip) => this.#make(grip),
      (element, grip) => this.#draw(element, grip),
    );
    this.#drawLines();
    this.#place();
  });

  #moved(id: string): Grip | undefined {
    return this.#grips.find(({ order }) => order.id === id);
  }

  #termsOf(grip: Grip): Terms {
    return this.#move?.id === grip.order.id ? this.#move.next : grip.terms;
  }

  #make({ order }: Grip): HTMLElement {
    const body = h(
      "div",
      {
        class: "grip-body",
        attrs: { role: "slider", tabindex: "0", "aria-orientation": "vertical" },
      },
      h("b", { class: "grip-side", text: order.side }),
      h("span", { class: "grip-quantity num" }),
      h("span", { class: "grip-note num" }),
    );
    const cancel = h("button", { class: "grip-cancel", type: "button", text: "×" });
    cancel.addEventListener("click", () => this.#cancel(order.id));
    body.addEventListener("keydown", (event) => this.#pressed(event, order.id));
    body.addEventListener("blur", () => this.#blurred(order));
    dragByPointer(body, this.#element, {
      series: () => this.#series,
      grab: () => this.#grab(order.id),
      move: (price) => this.#drag(order.id, price),
      drop: () => this.#send(),
      leave: () => this.#leave(),
    });
    return h("div", { class: `grip ${order.side.toLowerCase()}` }, body, cancel);
  }

  #draw(element: HTMLElement, grip: Grip): void {
    const market = this.#market!;
    const { order, fixed } = grip;
    const next = this.#termsOf(grip);
    const effect = effectOf(grip, next, this.#prices);
    const reason = fixed || this.#locked;
    const odd = this.#oddOf(grip, next);
    const isSent = this.#amending.isSent(order);
    const price = figures.price(write(next.price), market);
    const quantity = quantityOf(order, next, market);
    const body = find(element, ".grip-body");
    setText(find(element, ".grip-quantity"), quantity);
    setText(find(element, ".grip-note"), isSent ? "sending…" : this.#noteOf(grip, effect, price, odd));
    element.classList.toggle("moving", effect !== "same");
    const isBlocked = textOf(odd, "block") !== "";
    element.classList.toggle("refused", isBlocked || effect === "crosses" || effect === "triggers");
    element.classList.toggle("fixed", Boolean(reason));
    const name = `${order.side} ${quantity} ${market.base_asset}`;
    const told = [price, `quantity ${quantity}`, EFFECTS[effect] || reason, this.#warned(odd)].filter(Boolean);
    for (const [key, value] of Object.entries({
      "aria-label": `${name}, ${grip.field === "price" ? "price" : "trigger price"}`,
      "aria-valuemin": market.price_tick,
      "aria-valuemax": market.max_price,
      "aria-valuenow": write(next.price),
      "aria-valuetext": told.join(", "),
      "aria-disabled": String(Boolean(reason) || isSent),
    })) {
      if (body.getAttribute(key) !== value) body.setAttribute(key, value);
    }
    body.title = reason ? `Cannot be moved: ${reason}` : "Drag, or arrow keys and Enter";
    const cancel = find<HTMLButtonElement>(element, ".grip-cancel");
    cancel.disabled = isSent || Boolean(this.#locked);
    cancel.setAttribute("aria-label", `Cancel ${name} at ${figures.price(order[grip.field], market)}`);
  }

  #oddOf(grip: Grip, next: Terms): Warning[] {
    return this.#amending.warningsOf(grip.order, amendmentOf(grip, next), this.#prices);
  }

  #warned(odd: readonly Warning[]): string {
    const blocks = textOf(odd, "block");
    if (blocks) return `blocked: ${blocks}`;
    const asks = textOf(odd, "ask");
    return asks && this.#move?.isAsked ? `${asks} Enter sends it, Escape takes it back.` : asks;
  }

  #noteOf(grip: Grip, effect: Effect, price: string, odd: readonly Warning[]): string {
    if (effect !== "same") return [price, this.#warned(odd) || EFFECTS[effect]].join(" · ");
    if (grip.field === "stop_price") return "trigger";
    const ahead = aheadOf(grip.order);
    if (isUnentered(grip.order)) return "exit, waits";
    return ahead === null ? "" : aheadText(ahead, this.#market!);
  }

  #drawLines(): void {
    const known = new Set(this.#grips.map(({ order }) => order.id));
    for (const [id, line] of this.#lines) {
      if (known.has(id)) continue;
      this.#series.removePriceLine(line);
      this.#lines.delete(id);
    }
    for (const grip of this.#grips) {
      const { id, side } = grip.order;
      const options = {
        price: Number(write(this.#termsOf(grip).price)),
        color: themeColor(side === "Buy" ? "up" : "down"),
        lineStyle: LineStyle.Dashed,
        lineWidth: 1 as const,
        axisLabelVisible: true,
      };
      const line = this.#lines.get(id);
      if (line) line.applyOptions(options);
      else this.#lines.set(id, this.#series.createPriceLine(options));
    }
  }

  #place(): void {
    const placed = this.#grips.flatMap((grip) => {
      const element = this.#elementOf(grip.order.id);
      return element ? [{ element, price: Number(write(this.#termsOf(grip).price)) }] : [];
    });
    placeGrips(this.#element, this.#series, placed);
  }

  #elementOf(id: string): HTMLElement | undefined {
    return [...this.#element.children].find(
      (child) => (child as HTMLElement).dataset["key"] === id,
    ) as HTMLElement | undefined;
  }

  /** The grip, if it can be moved now. */
  #movable(id: string): Grip | undefined {
    const grip = this.#moved(id);
    const isFree = grip && !grip.fixed && !this.#locked && !this.#amending.isSent(grip.order);
    return isFree ? grip : undefined;
  }

  #pressed(event: KeyboardEvent, id: string): void {
    const grip = this.#movable(id);
    const step = STEPS[event.key];
    if (event.key === "Escape" && this.#move) this.#leave();
    else if (event.key === "x" || event.key === "Delete") this.#cancel(id);
    else if (event.key === "Enter") {
      // Held down it must not confirm what it has just asked about.
      if (!event.repeat) this.#send();
    } else if (step && grip) {
      const times = event.shiftKey ? 10 : 1;
      const next = stepped(grip, this.#termsOf(grip), step[0] * times, step[1] * times, this.#market!);
      this.#move = { id, next };
      this.render();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #grab(id: string): number | null {
    const grip = this.#movable(id);
    if (!grip) return null;
    this.#move = { id, next: grip.terms };
    return Number(write(grip.terms.price));
  }

  #drag(id: string, price: number): void {
    // Escape, or what became of the order meanwhile, ends a drag.
    if (this.#move?.id !== id || !this.#movable(id)) return;
    this.#move = { id, next: { ...this.#move.next, price: snapped(price, this.#market!) } };
    this.render();
  }

  /** Send what was moved; the grip stays where it was put until there is an answer. */
  #send(): void {
    const move = this.#move;
    const grip = move && this.#movable(move.id);
    const amendment = grip && amendmentOf(grip, move.next);
    if (!grip || Object.keys(amendment!).length === 0) return this.#leave();
    const odd = this.#oddOf(grip, move.next);
    if (textOf(odd, "block") || (textOf(odd, "ask") && !move.isAsked)) {
      move.isAsked = true;
      return this.render();
    }
    void this.#amending.amend(grip.order, amendment!).finally(() => {
      if (this.#move === move) this.#leave();
    });
  }

  /** What was moved by keys and not sent goes back when something else gets the focus. */
  #blurred(order: Order): void {
    if (this.#move?.id === order.id && !this.#amending.isSent(order)) this.#leave();
  }

  #cancel(id: string): void {
    const grip = this.#moved(id);
    if (!grip || this.#locked) return;
    this.#leave();
    void this.#amending.cancel(grip.order);
  }

  /** Put what was moved, and not sent, back. */
  #leave(): void {
    this.#move = null;
    this.render();
  }
}

function quantityOf(order: Order, next: Terms, market: Market): string {
  if (next.quantity > 0n) return figures.ownQuantity(write(next.quantity), market);
  return `${figures.ownQuantity(order.quote_quantity, market)} ${market.quote_asset}`;
}
