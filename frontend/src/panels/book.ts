/** The order book: grouped levels with depth bars, spread, own orders marked, click to fill. */

import { type Amount, decimalsOf, read, show, write } from "../core/decimal.ts";
import { choiceGroup, eachFrame, find, h, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { recall, remember } from "../core/memory.ts";
import type { Market } from "../link/types.ts";
import { groupLevels, type Row } from "../state/book.ts";
import { bidShare, spreadOf } from "../state/book-figures.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import type { LiveBook } from "../state/live-book.ts";
import { ownLevels } from "../state/own-levels.ts";
import type { Portfolio } from "../state/portfolio.ts";
import type { Trades } from "../state/trades.ts";
import { type BookSide, drawRows, type Look, moveFocus, sumOf, type TotalUnit } from "./book-rows.ts";
import { showUnits } from "./units.ts";

const ROW_HEIGHT_PX = 20;
/** What the style sheet asks of a row where it differs, for fingers or for many rows. */
const ROW_HEIGHT = "--row-px";
const ROWS_MIN = 3;
const ROWS_MAX = 40;
const GROUPS = 5;

/** Fills in the form: a level's price, and the quantity up to it where its sum was clicked. */
type OnLevel = (price: string, quantity?: string) => void;

export function mount(
  element: HTMLElement,
  exchange: Exchange,
  portfolio: Portfolio,
  live: LiveBook,
  trades: Trades,
  onLevel: OnLevel,
): void {
  new BookPanel(element, exchange, portfolio, live, onLevel);
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
  readonly #element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #live: LiveBook;
  readonly #onLevel: OnLevel;
  readonly #group: HTMLSelectElement;
  readonly #sides: Record<BookSide, HTMLElement>;
  readonly #render = eachFrame(() => this.#draw());
  #step: Amount = 0n;
  #unit: TotalUnit = recall("book-total") === "quote" ? "quote" : "base";
  #rows = { bids: 12, asks: 12 };

  constructor(
    element: HTMLElement,
    exchange: Exchange,
    portfolio: Portfolio,
    live: LiveBook,
    onLevel: OnLevel,
  ) {
    this.#element = element;
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#live = live;
    this.#onLevel = onLevel;
    this.#group = find(element, "#book-group");
    this.#sides = { bids: find(element, "#bids"), asks: find(element, "#asks") };
    this.#group.addEventListener("change", () => {
      this.#step = read(this.#group.value);
      const market = exchange.market.value;
      if (market) remember(stepKey(market), this.#group.value);
      this.#render();
    });
    this.#chooseSides();
    find(element, "#book-total").addEventListener("click", () => {
      this.#unit = this.#unit === "base" ? "quote" : "base";
      remember("book-total", this.#unit);
      this.#render();
    });
    for (const side of ["bids", "asks"] as const) {
      this.#listen(side);
      this.#measure(side);
    }
    exchange.market.watch((market) => market && this.#offerGroups(market));
    live.changed.watch(this.#render);
    portfolio.changed.watch(this.#render);
  }

  /** Both sides or one, which then has the room of both. */
  #chooseSides(): void {
    const book = find(this.#element, "#book");
    const show = (sides: string) => {
      select(sides);
      book.dataset["sides"] = sides;
    };
    const select = choiceGroup(find(this.#element, "#book-sides"), (sides) => {
      remember("book-sides", sides);
      show(sides);
    });
    const known = recall("book-sides") ?? "";
    show(["bids", "asks"].includes(known) ? known : "both");
  }

  #listen(side: BookSide): void {
    const element = this.#sides[side];
    // The book may move between press and release: what was pressed counts.
    let pressed: { row: HTMLElement; price: string; total: string } | null = null;
    const levelOf = (event: Event) => (event.target as Element).closest<HTMLElement>(".level");
    const used = (row: HTMLElement) => {
      const { price = "", total = "" } = row.dataset;
      return { row, price, total };
    };
    element.addEventListener("pointerdown", (event) => {
      const row = levelOf(event);
      pressed = row && used(row);
    });
    element.addEventListener("click", (event) => {
      const row = levelOf(event);
      if (!row) return;
      const { price, total } = pressed?.row === row ? pressed : used(row);
      pressed = null;
      const isTotal = (event.target as Element).closest(".level-total") !== null;
      if (price) this.#onLevel(price, isTotal ? total : undefined);
    });
    element.addEventListener("keydown", (event) => moveFocus(event, side));
  }

  #measure(side: BookSide): void {
    const element = this.#sides[side];
    new ResizeObserver(() => {
      const asked = Number.parseFloat(getComputedStyle(element).getPropertyValue(ROW_HEIGHT));
      const least = asked || ROW_HEIGHT_PX;
      const count = Math.floor(element.clientHeight / least);
      this.#rows[side] = Math.min(ROWS_MAX, Math.max(ROWS_MIN, count));
      // The rows share what is left over, so that the side is filled to its edge.
      const height = Math.max(least, element.clientHeight / this.#rows[side]);
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
    const [below, above] = [this.#deepest(bids), this.#deepest(asks)];
    const deepest = below > above ? below : above;
    const look = { market, step: this.#step, unit: this.#unit, deepest };
    this.#drawSide("bids", bids, look);
    this.#drawSide("asks", asks, look);
    const unit = this.#unit === "base" ? market.base_asset : market.quote_asset;
    setText(find(this.#element, "#book-total"), `Total ${unit}`);
    this.#drawSpread(market);
  }

  #deepest(rows: readonly Row[]): Amount {
    const last = rows.at(-1);
    return last ? sumOf(last, this.#unit) : 0n;
  }

  #drawSide(side: BookSide, rows: readonly Row[], look: Look): void {
    const [orders, { symbol }] = [this.#portfolio.openOrders, look.market];
    const own = ownLevels(orders, symbol, side === "bids" ? "Buy" : "Sell", this.#step);
    drawRows(this.#sides[side], side, rows, own, look);
  }

  #drawSpread(market: Market): void {
    const spread = spreadOf(this.#live.book);
    const gap = spread && show(spread.gap, decimalsOf(market.price_tick));
    const text = spread ? `${gap} (${show(spread.bps, 1)} bp)` : format.NONE;
    setText(find(this.#element, "#spread"), text);
    const share = bidShare(this.#live.book);
    const imbalance = find(this.#element, "#imbalance");
    imbalance.hidden = share === null;
    imbalance.style.setProperty("--bids", `${share ?? 50}%`);
    setText(imbalance, `${share ?? 50}% bids`);
  }
}

function stepKey(market: Market): string {
  return `step.${market.symbol}`;
}
