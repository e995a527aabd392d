/** The depth of the live book as a curve, or as a table; loaded when it is looked at first. */

import { decimalsOf, ratio, read, show, write } from "../core/decimal.ts";
import { choiceGroup, eachFrame, h, setText } from "../core/dom.ts";
import { recall, remember } from "../core/memory.ts";
import { THEME_CHANGED, themeColor } from "../core/theme.ts";
import type { Market } from "../link/types.ts";
import { type Depth, depthOf, type DepthPoint, levelAt } from "../state/depth.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import type { LiveBook } from "../state/live-book.ts";

/** How far from the middle is looked at: ten thousandths, or all. */
const RANGES: Record<string, number | null> = {
  "±0.5%": 50,
  "±1%": 100,
  "±2%": 200,
  "±5%": 500,
  "±10%": 1_000,
  All: null,
};
const RANGE = "±5%";
const TABLE_ROWS = 20;
const FOOT_PX = 20;
const HEAD_PX = 14;

/** `onPrice` gets the price of a level that is clicked on. */
export function mount(
  element: HTMLElement,
  exchange: Exchange,
  live: LiveBook,
  onPrice: (price: string) => void,
): void {
  new DepthChart(element, exchange, live, onPrice);
}

class DepthChart {
  readonly #element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #live: LiveBook;
  readonly #onPrice: (price: string) => void;
  readonly #canvas = h("canvas", { class: "depth-canvas", attrs: { role: "img" } });
  readonly #said = h("p", { class: "depth-said num" });
  readonly #empty = h("p", { class: "empty", text: "The book is empty." });
  readonly #rows = h("tbody");
  readonly #table: HTMLElement;
  #range = RANGE;
  #isTable = recall("depth-table") === "1";
  #depth: Depth | null = null;
  /** Where the pointer is, in pixels from the left; null where it is elsewhere. */
  #pointer: number | null = null;

  constructor(
    element: HTMLElement,
    exchange: Exchange,
    live: LiveBook,
    onPrice: (price: string) => void,
  ) {
    this.#element = element;
    this.#exchange = exchange;
    this.#live = live;
    this.#onPrice = onPrice;
    const known = recall("depth-range") ?? "";
    if (known in RANGES) this.#range = known;
    this.#table = this.#makeTable();
    element.replaceChildren(this.#makeBar(), this.#canvas, this.#table, this.#empty);
    this.#listen();
    exchange.market.watch(this.#render);
    live.changed.watch(this.#render);
    addEventListener(THEME_CHANGED, this.#render);
    new ResizeObserver(this.#render).observe(element);
  }

  #makeBar(): HTMLElement {
    const buttons = Object.keys(RANGES).map((range) =>
      h("button", { type: "button", text: range, attrs: { role: "radio", "data-value": range } }),
    );
    const group = h(
      "div",
      { class: "choices", attrs: { role: "radiogroup", "aria-label": "Range of prices" } },
      ...buttons,
    );
    const select = choiceGroup(group, (range) => {
      this.#range = range;
      remember("depth-range", range);
      select(range);
      this.#render();
    });
    select(this.#range);
    const toggle = h("button", {
      class: "button quiet small",
      type: "button",
      text: "Table",
      attrs: { "aria-pressed": String(this.#isTable) },
    });
    toggle.addEventListener("click", () => {
      this.#isTable = !this.#isTable;
      remember("depth-table", this.#isTable ? "1" : "0");
      toggle.setAttribute("aria-pressed", String(this.#isTable));
      this.#render();
    });
    return h("div", { class: "depth-bar" }, group, toggle, this.#said);
  }

  #makeTable(): HTMLElement {
    const head = ["Side", "Price", "Total", "Amount", "Distance"].map((text) =>
      h("th", { text, attrs: { scope: "col" } }),
    );
    const table = h("table", { class: "grid" }, h("thead", {}, h("tr", {}, ...head)), this.#rows);
    const caption = h("caption", { class: "visually-hidden", text: "Depth of the book" });
    table.prepend(caption);
    const region = { tabindex: "0", role: "region", "aria-label": "Depth as a table" };
    return h("div", { class: "depth-table", attrs: region }, table);
  }

  #listen(): void {
    this.#canvas.addEventListener("pointermove", (event) => {
      this.#pointer = event.offsetX;
      this.#render();
    });
    this.#canvas.addEventListener("pointerleave", () => {
      this.#pointer = null;
      this.#render();
    });
    this.#canvas.addEventListener("click", (event) => {
      const level = this.#levelUnder(event.offsetX);
      if (level) this.#onPrice(write(level.price));
    });
    this.#rows.addEventListener("click", (event) => {
      const button = (event.target as Element).closest("button");
      if (button) this.#onPrice(button.value);
    });
  }

  readonly #render = eachFrame(() => {
    const market = this.#exchange.market.value;
    if (this.#element.hidden || !market) return;
    this.#depth = depthOf(this.#live.book, RANGES[this.#range]!);
    this.#empty.hidden = this.#depth !== null;
    this.#canvas.hidden = this.#isTable || !this.#depth;
    this.#table.hidden = !this.#isTable || !this.#depth;
    this.#say(market);
    if (!this.#depth) return;
    if (this.#isTable) this.#fillTable(this.#depth, market);
    else this.#drawCurve(this.#depth, market);
  });

  /** The level under the pointer, or how much stands on both sides. */
  #say(market: Market): void {
    const depth = this.#depth;
    if (!depth) return setText(this.#said, "");
    const of = (point: DepthPoint | undefined) =>
      `${figures.showQuantity(point?.quantity ?? 0n, market)} ${market.base_asset}`;
    const under = this.#pointer === null ? undefined : this.#levelUnder(this.#pointer);
    const sides = `Bids ${of(depth.bids.at(-1))} · Asks ${of(depth.asks.at(-1))}`;
    const level = under && this.#texts(under, depth, market).slice(0, 4).join(" · ");
    setText(this.#said, level ?? sides);
    const range = this.#range === "All" ? "all prices" : `${this.#range} of the middle`;
    this.#canvas.setAttribute("aria-label", `Depth of the book, ${range}. ${sides}`);
  }

  #texts(point: DepthPoint, { middle }: Depth, market: Market): string[] {
    const distance = ratio((point.price - middle) * 100n, middle);
    return [
      show(point.price, decimalsOf(market.price_tick)),
      `${figures.showQuantity(point.quantity, market)} ${market.base_asset}`,
      `${show(point.amount, 2)} ${market.quote_asset}`,
      `${distance > 0 ? "+" : ""}${distance.toFixed(2)}%`,
    ];
  }

  #levelUnder(x: number): DepthPoint | undefined {
    const depth = this.#depth;
    const width = this.#canvas.clientWidth;
    if (!depth || width === 0) return undefined;
    const share = BigInt(Math.round((Math.min(Math.max(x, 0), width) / width) * 1e6));
    return levelAt(depth, depth.low + ((depth.high - depth.low) * share) / 1_000_000n);
  }

  #fillTable(depth: Depth, market: Market): void {
    const rows = (["Ask", "Bid"] as const).flatMap((side) => {
      const points = (side === "Bid" ? depth.bids : depth.asks).slice(0, TABLE_ROWS);
      return (side === "Bid" ? points : points.reverse()).map((point) => ({ side, point }));
    });
    while (this.#rows.children.length > rows.length) this.#rows.lastElementChild!.remove();
    while (this.#rows.children.length < rows.length) this.#rows.append(makeRow());
    rows.forEach(({ side, point }, index) => {
      const row = this.#rows.children[index]!;
      const button = row.querySelector("button")!;
      const [price, ...rest] = this.#texts(point, depth, market);
      button.value = write(point.price);
      setText(button, price!);
      button.className = `num ${side === "Bid" ? "up" : "down"}`;
      setText(row.children[0]!, side);
      rest.forEach((text, column) => setText(row.children[column + 2]!, text));
    });
  }

  #drawCurve(depth: Depth, market: Market): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.#canvas.width !== wide) this.#canvas.width = wide;
    if (this.#canvas.height !== high) this.#canvas.height = high;
    const context = this.#canvas.getContext("2d");
    if (!context || width === 0 || depth.high === depth.low) return;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const floor = height - FOOT_PX;
    const x = (price: bigint) => ratio(price - depth.low, depth.high - depth.low) * width;
    const y = (sum: bigint) => floor - ratio(sum, depth.deepest) * (floor - HEAD_PX);
    drawSide(context, depth.bids, "up", { x, y, edge: 0, floor });
    drawSide(context, depth.asks, "down", { x, y, edge: width, floor });
    this.#drawAxes(context, depth, market, { width, floor });
    const level = this.#pointer === null ? undefined : this.#levelUnder(this.#pointer);
    if (!level) return;
    context.strokeStyle = themeColor("muted");
    context.setLineDash([3, 3]);
    line(context, x(level.price), HEAD_PX, x(level.price), floor);
    line(context, 0, y(level.quantity), width, y(level.quantity));
    context.setLineDash([]);
  }

  #drawAxes(
    context: CanvasRenderingContext2D,
    depth: Depth,
    market: Market,
    { width, floor }: { width: number; floor: number },
  ): void {
    context.strokeStyle = themeColor("line");
    line(context, 0, floor + 0.5, width, floor + 0.5);
    context.fillStyle = themeColor("muted");
    context.font = `11px ${getComputedStyle(this.#element).fontFamily}`;
    const tick = read(market.price_tick);
    for (const [share, align] of [
      [5n, "left"],
      [50n, "center"],
      [95n, "right"],
    ] as const) {
      const price = depth.low + ((depth.high - depth.low) * share) / 100n;
      context.textAlign = align;
      const text = show(price - (price % tick), decimalsOf(market.price_tick));
      context.fillText(text, (Number(share) / 100) * width, floor + 14);
    }
    context.textAlign = "left";
    context.fillText(figures.showQuantity(depth.deepest, market), 4, HEAD_PX - 3);
  }
}

function makeRow(): HTMLElement {
  const figure = () => h("td", { class: "num" });
  const price = h("td", {}, h("button", { type: "button" }));
  return h("tr", {}, h("td"), price, figure(), figure(), figure());
}

function line(context: CanvasRenderingContext2D, ...[x, y, toX, toY]: [number, number, number, number]) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}

interface Frame {
  x: (price: bigint) => number;
  y: (sum: bigint) => number;
  /** Where the side ends. */
  edge: number;
  floor: number;
}

/** One side as steps from the middle outwards: at a level's price its quantity comes on top. */
function drawSide(
  context: CanvasRenderingContext2D,
  points: readonly DepthPoint[],
  color: "up" | "down",
  { x, y, edge, floor }: Frame,
): void {
  const first = points[0];
  if (!first) return;
  const path = new Path2D();
  path.moveTo(x(first.price), floor);
  let height = floor;
  for (const { price, quantity } of points) {
    path.lineTo(x(price), height);
    height = y(quantity);
    path.lineTo(x(price), height);
  }
  path.lineTo(edge, height);
  context.strokeStyle = themeColor(color);
  context.lineWidth = 1.5;
  context.stroke(path);
  path.lineTo(edge, floor);
  context.fillStyle = themeColor(`${color}-bar`);
  context.fill(path);
  context.lineWidth = 1;
}
