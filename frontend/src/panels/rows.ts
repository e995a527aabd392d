/** Rows of a table kept in step with what they show, and heads that sort them. */

import { find, findAll, h, setText, syncList } from "../core/dom.ts";
import type { Cell } from "./activity-cells.ts";

export interface Rows<T> {
  keyOf: (item: T) => string;
  cellsOf: (item: T) => Cell[];
  /** What stands in the last cell; without it there is none. */
  action?: ((item: T) => readonly HTMLElement[]) | undefined;
  /** What the last cell depends on, where it can change while the row stays: made anew then. */
  actionOf?: (item: T) => string;
  classOf?: (item: T) => string;
  /** Opened by its first cell, and by a press anywhere on it. */
  onOpen?: (item: T) => void;
  /** What the button of the first cell says beside its text; null where there is nothing to open. */
  openerOf?: (item: T) => string | null;
  /** Whether a row is left as it is: somebody is typing in it. */
  isHeld?: (row: HTMLElement, item: T) => boolean;
}

/** Bring the rows of a table's body to the items. */
export function fillRows<T>(body: HTMLElement, items: readonly T[], rows: Rows<T>): void {
  const { keyOf, cellsOf, action, actionOf, classOf, onOpen, openerOf, isHeld } = rows;
  const current = new Map(items.map((item) => [keyOf(item), item]));
  const make = (item: T) => {
    const key = keyOf(item);
    const opened = () => {
      const now = CURRENT.get(body)?.get(key) as T | undefined;
      if (now !== undefined) onOpen?.(now);
    };
    const cells = cellsOf(item).map((cell) => h("td", { attrs: { "data-label": cell.label } }));
    const name = (onOpen && openerOf?.(item)) ?? null;
    if (name !== null && cells[0]) {
      const said = h("span", { class: "visually-hidden", text: ` ${name}` });
      const button = { class: "row-opener", type: "button", onClick: opened };
      cells[0].append(h("button", button, h("span"), said));
    }
    const row = h("tr", { class: classOf?.(item) ?? "" }, ...cells);
    if (name !== null) {
      row.classList.add("opens");
      row.addEventListener("click", (event) => {
        const { target } = event;
        if (target instanceof Element && target.closest("button, input, a, label")) return;
        if (!row.classList.contains("editing") && !getSelection()?.toString()) opened();
      });
    }
    if (action) row.append(h("td", { class: "end action" }, ...action(item)));
    if (actionOf) row.dataset["action"] = actionOf(item);
    return row;
  };
  const update = (row: HTMLElement, item: T) => {
    if (isHeld?.(row, item)) return;
    if (action && actionOf && row.dataset["action"] !== actionOf(item)) {
      row.dataset["action"] = actionOf(item);
      find(row, "td.action").replaceChildren(...action(item));
    }
    cellsOf(item).forEach((cell, index) => {
      const element = row.children[index]!;
      const opener = index === 0 ? element.querySelector(".row-opener > span") : null;
      setText(opener ?? element, cell.text);
      element.className = cell.class ?? "";
    });
  };
  CURRENT.set(body, current);
  syncList(body, items, keyOf, make, update);
}

/** What each body shows, by key: a row outlives the item that it was made for. */
const CURRENT = new WeakMap<HTMLElement, ReadonlyMap<string, unknown>>();

/** Hide the columns in which no row has anything. */
export function hideEmptyColumns(table: HTMLElement, labels: readonly string[]): void {
  for (const label of labels) {
    const cells = findAll(table, `tbody td[data-label="${label}"]`);
    const isEmpty = cells.every((cell) => /^[–\s]*$/.test(cell.textContent) && !cell.children.length);
    for (const element of [...cells, ...findAll(table, `th[data-column="${label}"]`)])
      element.hidden = isEmpty;
  }
}

/** Let the heads of columns say what the rows are sorted by. */
export function sortHeads<K extends string>(
  table: HTMLElement,
  onChoose: (key: K) => void,
): (key: K, isDown: boolean) => void {
  const heads = findAll(table, "th:has(button[data-sort])");
  for (const head of heads) {
    const button = find<HTMLButtonElement>(head, "button[data-sort]");
    button.addEventListener("click", () => onChoose(button.dataset["sort"] as K));
  }
  return (key, isDown) => {
    for (const head of heads) {
      const isChosen = find(head, "button[data-sort]").dataset["sort"] === key;
      if (isChosen) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  };
}
