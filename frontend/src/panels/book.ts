/** The order book: grouped levels with depth bars, spread, own orders marked, click to fill. */

import { type Amount, decimalsOf, ratio, read, show, write } from "../core/decimal.ts";
import { eachFrame, find, h, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { recall, remember } from "../core/memory.ts";
import type { Market } from "../link/types.ts";
import { groupLevels, type Row } from "../state/book.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import type { LiveBook } from "../state/live-book.ts";
import type { Portfolio } from "../state/portfolio.ts";
import type { Trades } from "../state/trades.ts";
import { showUnits } from "./units.ts";

const ROW_HEIGHT_PX = 20;
const ROWS_MIN = 3;
const ROWS_MAX = 40;
const GROUPS = 5;

type BookSide = "bids" | "asks";

/** `onPrice` gets a clicked level's price. */
export function mount(
  element: HTMLElement,
  exchange: Exchange,
  portfolio: Portfolio,
  live: LiveBook,
  trades: Trades,
  onPrice: (price: string) => void,
): void {
  new BookPanel(element, exchange, portfolio, live, onPrice);
  showLast(find(element, "#book-last"), exchange, trades);
  showUnits(element, exchange);
}

/** The price of the newest trade stands between the sides. */
function showLast(element: HTMLElement, exchange: Exchange, trades: Trades): void {
  const render = eachFrame(() => {
    const newest = trades.list[0];
    setText(element, figures.price(newest?.price, exchange.market.value ?? undefined));
    const trend = newest ? { buy: "up", sell: "down" }[newest.taker_side] : "";
    element.className = `spread-last num ${trend}`;
  });
  trades.changed.watch(render);
}

class BookPanel {
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #live: LiveBook;
  readonly #onPrice: (price: string) => void;
  readonly #group: HTMLSelectElement;
  readonly #sides: Record<BookSide, HTMLElement>;
  readonly #spread: HTMLElement;
  readonly #render = eachFrame(() => this.#draw());
  #step: Amount = 0n;
  #rows = { bids: 12, asks: 12 };

  constructor(
    element: HTMLElement,
    exchange: Exchange,
    portfolio: Portfolio,
    live: LiveBook,
    onPrice: (price: string) => void,
  ) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#live = live;
    this.#onPrice = onPrice;
    this.#group = find(element, "#book-group");
    this.#sides = { bids: find(element, "#bids"), asks: find(element, "#asks") };
    this.#spread = find(element, "#spread");
    this.#group.addEventListener("change", () => {
      this.#step = read(this.#group.value);
      const market = exchange.market.value;
      if (market) remember(stepKey(market), this.#group.value);
      this.#render();
    });
    for (const side of ["bids", "asks"] as const) this.#measure(side);
    exchange.market.watch((market) => market && this.#offerGroups(market));
    live.changed.watch(this.#render);
    portfolio.changed.watch(this.#render);
  }

  #measure(side: BookSide): void {
    const element = this.#sides[side];
    // The book may move between press and release: what was pressed counts.
    let pressed: { row: HTMLElement; price: string } | null = null;
    const levelOf = (event: Event) => (event.target as Element).closest<HTMLElement>(".level");
    element.addEventListener("pointerdown", (event) => {
      const row = levelOf(event);
      pressed = row?.dataset["price"] ? { row, price: row.dataset["price"] } : null;
    });
    element.addEventListener("click", (event) => {
      const row = levelOf(event);
      const price = row && pressed?.row === row ? pressed.price : row?.dataset["price"];
      pressed = null;
      if (price) this.#onPrice(price);
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

  #offerGroups(market: Market): void {
    const tick = read(market.price_tick);
    const steps = Array.from({ length: GROUPS }, (_, power) => tick * 10n ** BigInt(power));
    const options = steps.map((step) => {
      const option = h("option", { text: write(step) });
      option.value = write(step);
      return option;
    });
    this.#group.replaceChildren(...options);
    const known = recall(stepKey(market));
    this.#step = steps.find((step) => write(step) === known) ?? tick;
    this.#group.value = write(this.#step);
  }

  #draw(): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    const bids = groupLevels(this.#live.book.bids, this.#step, true, this.#rows.bids);
    const asks = groupLevels(this.#live.book.asks, this.#step, false, this.#rows.asks);
    const deepest = (rows: Row[]) => rows.at(-1)?.cumulative ?? 0n;
    const depth = deepest(bids) > deepest(asks) ? deepest(bids) : deepest(asks);
    this.#drawSide("bids", bids, depth, market);
    this.#drawSide("asks", asks, depth, market);
    this.#drawSpread(market);
  }

  #drawSide(side: BookSide, rows: Row[], depth: Amount, market: Market): void {
    const parent = this.#sides[side];
    const name = side === "bids" ? "Bid" : "Ask";
    const own = this.#portfolio.openPrices(
      market.symbol,
      side === "bids" ? "Buy" : "Sell",
      this.#step,
    );
    while (parent.children.length > rows.length) parent.lastElementChild!.remove();
    while (parent.children.length < rows.length) parent.append(makeLevel(name));
    const decimals = decimalsOf(write(this.#step));
    rows.forEach((row, index) => {
      const element = parent.children[index] as HTMLElement;
      const texts = element.querySelectorAll<HTMLElement>(".num");
      const [priceText, quantityText] = [write(row.price), write(row.quantity)];
      const hasChanged = element.dataset["quantity"] !== quantityText;
      if (hasChanged && element.dataset["price"] === priceText) flash(element);
      element.dataset["price"] = priceText;
      element.dataset["quantity"] = quantityText;
      const isOwn = own.has(row.price);
      element.classList.toggle("own", isOwn);
      element.tabIndex = index === 0 ? 0 : -1;
      const bar = element.firstElementChild as HTMLElement;
      bar.style.transform = `scaleX(${ratio(row.cumulative, depth)})`;
      setText(texts[0]!, show(row.price, decimals));
      setText(texts[1]!, figures.showQuantity(row.quantity, market));
      setText(texts[2]!, figures.showQuantity(row.cumulative, market));
      setText(element.lastElementChild!, isOwn ? ", with an order of yours" : "");
    });
  }

  #drawSpread(market: Market): void {
    const { bids, asks } = this.#live.book;
    const [bid, ask] = [bids[0], asks[0]];
    if (!bid || !ask) {
      setText(this.#spread, format.NONE);
      return;
    }
    const gap = ask.price - bid.price;
    const percent = ratio(gap * 100n, ask.price).toFixed(2);
    setText(this.#spread, `${show(gap, decimalsOf(market.price_tick))} (${percent}%)`);
  }
}

function stepKey(market: Market): string {
  return `step.${market.symbol}`;
}

/**
 * A level's name for screen readers is its content, words that are not seen and figures that are,
 * so that what is said cannot differ from what is shown and used.
 */
function makeLevel(name: string): HTMLElement {
  const unseen = (text: string) => h("span", { class: "visually-hidden", text });
  return h(
    "button",
    { class: "level", type: "button" },
    h("i", { class: "bar" }),
    unseen(`${name} `),
    h("span", { class: "num price" }),
    unseen(", quantity "),
    h("span", { class: "num" }),
    unseen(", in all "),
    h("span", { class: "num total" }),
    unseen(""),
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
