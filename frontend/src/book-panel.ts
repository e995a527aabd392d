/** The order book: grouped levels with depth bars, spread, own orders marked, click to fill. */

import { groupLevels, OrderBook, type Row } from "./book.ts";
import { type Amount, decimalsOf, ratio, read, show, write } from "./decimal.ts";
import { byId, eachFrame, h, setText } from "./dom.ts";
import type { Exchange } from "./exchange.ts";
import * as format from "./format.ts";
import type { Portfolio } from "./portfolio.ts";
import type { Subscription } from "./socket.ts";
import type { BookMessage, Market } from "./types.ts";

const ROW_HEIGHT_PX = 20;
const ROWS_MIN = 3;
const ROWS_MAX = 40;
const GROUPS = 5;
const RENEW_INTERVAL_MS = 1_000;

export class BookPanel {
  readonly book = new OrderBook();
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #onPrice: (price: string) => void;
  readonly #changed: () => void;
  readonly #render = eachFrame(() => this.#draw());
  #subscription: Subscription | null = null;
  #renewedAt = -Infinity;
  #step: Amount = 0n;
  #rows = { bids: 12, asks: 12 };

  /** `onPrice` gets a clicked level's price; `changed` is called after each change of the book. */
  constructor(
    exchange: Exchange,
    portfolio: Portfolio,
    onPrice: (price: string) => void,
    changed: () => void,
  ) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#onPrice = onPrice;
    this.#changed = changed;
    const group = byId<HTMLSelectElement>("book-group");
    group.addEventListener("change", () => {
      this.#step = read(group.value);
      this.#render();
    });
    for (const side of ["bids", "asks"] as const) this.#measure(side);
    exchange.market.watch((market) => market && this.#follow(market));
    portfolio.changed.watch(this.#render);
  }

  #measure(side: "bids" | "asks"): void {
    const element = byId(side);
    element.addEventListener("click", (event) => {
      const row = (event.target as Element).closest<HTMLElement>(".level");
      if (row?.dataset["price"]) this.#onPrice(row.dataset["price"]);
    });
    element.addEventListener("keydown", (event) => moveFocus(event, side === "asks"));
    new ResizeObserver(() => {
      const count = Math.floor(element.clientHeight / ROW_HEIGHT_PX);
      this.#rows[side] = Math.min(ROWS_MAX, Math.max(ROWS_MIN, count));
      // The rows share what is left over, so that the side is filled to its edge.
      const height = Math.max(ROW_HEIGHT_PX, element.clientHeight / this.#rows[side]);
      element.style.setProperty("--level-height", `${height.toFixed(2)}px`);
      this.#render();
    }).observe(element);
  }

  #follow(market: Market): void {
    this.#subscription?.close();
    this.book.clear();
    this.#offerGroups(market);
    this.#subscription = this.#exchange.socket.subscribe(
      { channel: "orderbook", market: market.symbol },
      (push) => this.#receive(push.data as BookMessage),
      () => this.book.clear(),
    );
    this.#render();
  }

  #receive(message: BookMessage): void {
    // A delta of the former subscription may still come in before the new snapshot.
    if (this.book.sequence === null && message.prev_sequence != null) return;
    const outcome = this.book.apply(message);
    if (outcome === "gap" || outcome === "corrupt") {
      console.warn(`order book ${outcome}: subscribing anew`);
      this.#resync();
    }
    this.#render();
    this.#changed();
  }

  /** Subscribe anew, at most once a second: a server that sends gaps must not be flooded. */
  #resync(): void {
    const subscription = this.#subscription;
    const wait = Math.max(0, this.#renewedAt + RENEW_INTERVAL_MS - performance.now());
    window.setTimeout(() => {
      if (this.#subscription !== subscription || this.book.sequence !== null) return;
      this.#renewedAt = performance.now();
      subscription?.renew();
    }, wait);
  }

  #offerGroups(market: Market): void {
    const tick = read(market.price_tick);
    const steps = Array.from({ length: GROUPS }, (_, power) => tick * 10n ** BigInt(power));
    const options = steps.map((step) => {
      const option = h("option", { text: write(step) });
      option.value = write(step);
      return option;
    });
    byId("book-group").replaceChildren(...options);
    this.#step = tick;
  }

  #draw(): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    const bids = groupLevels(this.book.bids, this.#step, true, this.#rows.bids);
    const asks = groupLevels(this.book.asks, this.#step, false, this.#rows.asks);
    const deepest = (rows: Row[]) => rows.at(-1)?.cumulative ?? 0n;
    const depth = deepest(bids) > deepest(asks) ? deepest(bids) : deepest(asks);
    this.#drawSide("bids", bids, depth, market);
    this.#drawSide("asks", asks, depth, market);
    this.#drawSpread(market);
  }

  #drawSide(side: "bids" | "asks", rows: Row[], depth: Amount, market: Market): void {
    const parent = byId(side);
    const name = side === "bids" ? "Bid" : "Ask";
    const own = this.#portfolio.openPrices(
      market.symbol,
      side === "bids" ? "Buy" : "Sell",
      this.#step,
    );
    while (parent.children.length > rows.length) parent.lastElementChild!.remove();
    while (parent.children.length < rows.length) parent.append(makeLevel());
    const decimals = decimalsOf(write(this.#step));
    rows.forEach((row, index) => {
      const element = parent.children[index] as HTMLElement;
      const [bar, price, quantity, total] = element.children as unknown as HTMLElement[];
      const priceText = write(row.price);
      const quantityText = write(row.quantity);
      const hasChanged = element.dataset["quantity"] !== quantityText;
      if (hasChanged && element.dataset["price"] === priceText) flash(element);
      element.dataset["price"] = priceText;
      element.dataset["quantity"] = quantityText;
      element.classList.toggle("own", own.has(row.price));
      element.tabIndex = index === 0 ? 0 : -1;
      bar!.style.transform = `scaleX(${ratio(row.cumulative, depth)})`;
      setText(price!, show(row.price, decimals));
      setText(quantity!, format.showQuantity(row.quantity, market));
      setText(total!, format.showQuantity(row.cumulative, market));
      const label = `${name} ${price!.textContent}, quantity ${quantity!.textContent}`;
      if (hasChanged) element.setAttribute("aria-label", `${label}. Use this price`);
    });
  }

  #drawSpread(market: Market): void {
    const [bid, ask] = [this.book.bids[0], this.book.asks[0]];
    const element = byId("spread");
    if (!bid || !ask) {
      setText(element, format.NONE);
      return;
    }
    const gap = ask.price - bid.price;
    const percent = ratio(gap * 100n, ask.price).toFixed(2);
    setText(element, `${show(gap, decimalsOf(market.price_tick))} (${percent}%)`);
  }
}

function makeLevel(): HTMLElement {
  return h(
    "button",
    { class: "level", type: "button" },
    h("i", { class: "bar" }),
    h("span", { class: "num price" }),
    h("span", { class: "num" }),
    h("span", { class: "num total" }),
  );
}

/** Restart the highlight: a class that is already set has to change for that. */
function flash(element: HTMLElement): void {
  const isOdd = element.classList.contains("flash-a");
  element.classList.toggle("flash-a", !isOdd);
  element.classList.toggle("flash-b", isOdd);
}

/** Up and down move between the levels as they are seen: asks are drawn bottom up. */
function moveFocus(event: KeyboardEvent, isReversed: boolean): void {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  const forward = (event.key === "ArrowDown") !== isReversed;
  const current = document.activeElement;
  const next = forward ? current?.nextElementSibling : current?.previousElementSibling;
  if (next instanceof HTMLElement) {
    event.preventDefault();
    next.focus();
  }
}
