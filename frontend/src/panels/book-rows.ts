/**
 * The rows of the book's sides. A level is two buttons: its price, and the sum up to it, which fills
 * in a quantity, too. Their names for screen readers are their contents, words that are not seen and
 * figures that are, so that what is said cannot differ from what is shown and used.
 */

import { type Amount, decimalsOf, ratio, show, showAll, write } from "../core/decimal.ts";
import { findAll, h, setText } from "../core/dom.ts";
import type { Market } from "../link/types.ts";
import type { Row } from "../state/book.ts";
import * as figures from "../state/figures.ts";
import { aheadText, type OwnLevel } from "../state/own-levels.ts";

export type BookSide = "bids" | "asks";
export type TotalUnit = "base" | "quote";

/** How all rows of a side are drawn. */
export interface Look {
  market: Market;
  step: Amount;
  unit: TotalUnit;
  /** The sum that fills the width of a row. */
  deepest: Amount;
}

export function sumOf(row: Row, unit: TotalUnit): Amount {
  return unit === "base" ? row.cumulative : row.amount;
}

export function drawRows(
  parent: HTMLElement,
  side: BookSide,
  rows: readonly Row[],
  own: ReadonlyMap<Amount, OwnLevel>,
  look: Look,
): void {
  const name = side === "bids" ? "Bid" : "Ask";
  while (parent.children.length > rows.length) parent.lastElementChild!.remove();
  while (parent.children.length < rows.length) parent.append(makeLevel(name));
  rows.forEach((row, index) => {
    const element = parent.children[index] as HTMLElement;
    drawLevel(element, name, row, look);
    drawOwn(element, own.get(row.price), look.market);
    (element.children[1] as HTMLElement).tabIndex = index === 0 ? 0 : -1;
  });
}

function drawLevel(element: HTMLElement, name: string, row: Row, look: Look): void {
  const { market, step, unit, deepest } = look;
  const [priceText, quantityText] = [write(row.price), write(row.quantity)];
  const hasChanged = element.dataset["quantity"] !== quantityText;
  if (hasChanged && element.dataset["price"] === priceText) flash(element);
  element.dataset["price"] = priceText;
  element.dataset["quantity"] = quantityText;
  element.dataset["total"] = write(row.cumulative);
  const bar = element.firstElementChild as HTMLElement;
  bar.style.transform = `scaleX(${ratio(sumOf(row, unit), deepest)})`;
  const [price, quantity, total] = findAll(element, ".num");
  const shown = show(row.price, decimalsOf(write(step)));
  setText(price!, shown);
  setText(quantity!, figures.showQuantity(row.quantity, market));
  const sum = unit === "base" ? figures.showQuantity(row.cumulative, market) : show(row.amount, 2);
  setText(total!, sum);
  const size = `${showAll(row.cumulative, 0)} ${market.base_asset}`;
  setText(total!.previousElementSibling!, `${name} ${shown}, size ${size}, in all `);
}

/** Own orders are marked, and told with their place in the queue where it is known. */
function drawOwn(element: HTMLElement, own: OwnLevel | undefined, market: Market): void {
  const text = own ? ownText(own, market) : "";
  element.classList.toggle("own", own !== undefined);
  if (element.title !== text) element.title = text;
  setText(element.children[1]!.lastElementChild!, text && `, ${text}`);
}

function ownText({ count, remaining, ahead }: OwnLevel, market: Market): string {
  const [left, base] = [figures.ownQuantity(write(remaining), market), market.base_asset];
  const orders = count === 1 ? `your order of ${left} ${base}` : `your ${count} orders of ${left} ${base}`;
  return ahead === null ? orders : `${orders}, ${aheadText(ahead, market)}`;
}

function makeLevel(name: string): HTMLElement {
  const unseen = (text: string) => h("span", { class: "visually-hidden", text });
  return h(
    "div",
    { class: "level" },
    h("i", { class: "bar" }),
    h(
      "button",
      { class: "level-price", type: "button" },
      unseen(`${name} `),
      h("span", { class: "num price" }),
      unseen(", quantity "),
      h("span", { class: "num" }),
      unseen(""),
    ),
    h(
      "button",
      { class: "level-total", type: "button", attrs: { tabindex: "-1" } },
      unseen(""),
      h("span", { class: "num total" }),
    ),
  );
}

/** Restart the highlight: a class that is already set has to change for that. */
function flash(element: HTMLElement): void {
  const isOdd = element.classList.contains("flash-a");
  element.classList.toggle("flash-a", !isOdd);
  element.classList.toggle("flash-b", isOdd);
}

/** Up and down move between the levels as they are seen, left and right within one. */
export function moveFocus(event: KeyboardEvent, side: BookSide): void {
  const current = event.target as HTMLElement;
  const level = current.closest(".level");
  const column = current.classList.contains("level-total") ? 2 : 1;
  let next: Element | null | undefined;
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    next = level?.children[event.key === "ArrowRight" ? 2 : 1];
  } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    // Asks are drawn bottom up.
    const isForward = (event.key === "ArrowDown") !== (side === "asks");
    const row = isForward ? level?.nextElementSibling : level?.previousElementSibling;
    next = row?.children[column];
  }
  if (!(next instanceof HTMLElement)) return;
  event.preventDefault();
  next.focus();
}
