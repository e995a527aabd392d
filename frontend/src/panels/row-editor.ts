/** An open order edited in its row: says what becomes of its place before anything is sent. */

import { read } from "../core/decimal.ts";
import { find, h, setText } from "../core/dom.ts";
import { sentence } from "../core/format.ts";
import type { AmendOrderIn, Order } from "../link/types.ts";
import type { Amending } from "../state/amending.ts";
import type { Prices } from "../state/draft.ts";
import type { Exchange } from "../state/exchange.ts";
import { EFFECTS, type Grip, gripsOf } from "../state/grips.ts";
import type { Portfolio } from "../state/portfolio.ts";
import { editOf, type RowEdit } from "../state/row-edits.ts";
import { textOf, type Warning } from "../state/warnings.ts";

interface Edited {
  id: string;
  row: HTMLElement;
  price: HTMLInputElement;
  quantity: HTMLInputElement | null;
  note: HTMLElement;
  save: HTMLButtonElement;
  /** The price that was found odd, and is to be confirmed. */
  asked: string | null;
}

export class RowEditor {
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #amending: Amending;
  readonly #onEnd: () => void;
  #edited: Edited | null = null;

  /** `onEnd`: the row is to be drawn anew. */
  constructor(exchange: Exchange, portfolio: Portfolio, amending: Amending, onEnd: () => void) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#amending = amending;
    this.#onEnd = onEnd;
    exchange.tickers.watch(() => this.#edited && this.#judge());
  }

  isEditing(id: string | undefined): boolean {
    return id !== undefined && this.#edited?.id === id;
  }

  /** Why an order cannot be changed; empty where it can. */
  fixed(order: Order): string {
    const grip = this.#gripOf(order);
    return grip ? grip.fixed : "it has no price";
  }

  begin(row: HTMLElement, order: Order): void {
    const grip = this.#gripOf(order);
    if (!grip || grip.fixed || this.isEditing(order.id)) return;
    this.end();
    const label = grip.field === "stop_price" ? "Trigger" : "Price";
    const price = field(row, label, order[grip.field] ?? "");
    const quantity = order.quantity ? field(row, "Quantity", order.quantity) : null;
    const note = find(row, 'td[data-label="Status"]');
    note.setAttribute("role", "status");
    const save = h("button", {
      ...{ class: "button primary small", type: "button", text: "Save" },
      onClick: () => void this.#save(),
    });
    const discard = h("button", {
      ...{ class: "button quiet small", type: "button", text: "Discard" },
      onClick: () => this.end(),
    });
    find(row, "td.action").replaceChildren(save, discard);
    row.classList.add("editing");
    this.#edited = { id: order.id, row, price, quantity, note, save, asked: null };
    row.addEventListener("input", this.#judge);
    row.addEventListener("keydown", this.#press);
    this.#judge();
    price.focus();
    price.select();
  }

  /** Leave the row as it was; its cells are made anew. */
  end(): void {
    const edited = this.#edited;
    if (!edited) return;
    this.#edited = null;
    const { row } = edited;
    const hadFocus = row.contains(document.activeElement);
    const next = row.nextElementSibling;
    const body = row.parentElement;
    row.remove();
    this.#onEnd();
    if (!hadFocus || !body) return;
    requestAnimationFrame(() => {
      const again = body.querySelector<HTMLElement>(`[data-key="${edited.id}"] .edit`);
      (again ?? next?.querySelector<HTMLElement>("button"))?.focus();
    });
  }

  readonly #press = (event: KeyboardEvent): void => {
    // Held down, Enter must not confirm what it has just asked about.
    if (event.repeat && event.key === "Enter") event.preventDefault();
    else if (event.key === "Escape") this.end();
    else if (event.key === "Enter" && event.target instanceof HTMLInputElement) void this.#save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** Say what would become of the order, as it and the market stand now. */
  readonly #judge = (): void => {
    const edited = this.#edited;
    if (!edited) return;
    const { note, save, price, quantity } = edited;
    const { amendment, effect, error } = this.#read()?.edit ?? NOTHING;
    const odd = this.#oddOf(amendment);
    const isBlocked = textOf(odd, "block") !== "";
    const isAsked = edited.asked !== null && edited.asked === amendment?.price;
    const warned = isBlocked ? `${textOf(odd, "block")} Your own rule blocks that.` : textOf(odd, "ask");
    const what = EFFECTS[effect] ? sentence(EFFECTS[effect]) : "Nothing changed yet.";
    setText(note, error || warned || what);
    const isRefused = isBlocked || effect === "crosses" || effect === "triggers";
    note.className = error || warned || isRefused ? "fold down" : "fold strong";
    save.disabled = !amendment || isRefused;
    setText(save, isAsked ? "Save anyway" : "Save");
    price.setAttribute("aria-invalid", String(/^(Price|Trigger)/.test(error)));
    quantity?.setAttribute("aria-invalid", String(error.startsWith("Quantity")));
  };

  #oddOf(amendment: AmendOrderIn | null): Warning[] {
    const order = this.#portfolio.openOrders.find(({ id }) => id === this.#edited?.id);
    if (!order || !amendment) return [];
    return this.#amending.warningsOf(order, amendment, this.#pricesOf(order.market));
  }

  #read(): { grip: Grip; edit: RowEdit } | null {
    const edited = this.#edited;
    const order = this.#portfolio.openOrders.find(({ id }) => id === edited?.id);
    const market = order && this.#exchange.marketOf(order.market);
    const grip = order && this.#gripOf(order);
    if (!edited || !market || !grip) return null;
    const typed = { price: edited.price.value, quantity: edited.quantity?.value ?? "" };
    return { grip, edit: editOf(grip, typed, market, this.#pricesOf(market.symbol)) };
  }

  async #save(): Promise<void> {
    const found = this.#read();
    if (!found?.edit.amendment || this.#edited?.save.disabled || this.#exchange.stale) return;
    const { grip, edit } = found;
    if (edit.amendment === null || this.#amending.isSent(grip.order)) return;
    const edited = this.#edited!;
    const price = edit.amendment.price ?? null;
    if (textOf(this.#oddOf(edit.amendment), "ask") && edited.asked !== price) {
      edited.asked = price;
      return this.#judge();
    }
    edited.save.disabled = true;
    await this.#amending.amend(grip.order, edit.amendment);
    if (this.isEditing(grip.order.id)) this.end();
  }

  #gripOf(order: Order): Grip | undefined {
    const others = this.#portfolio.openOrders.filter(
      ({ id, list_id: list }) => id === order.id || (list !== null && list === order.list_id),
    );
    return gripsOf(others, order.market).find((grip) => grip.order.id === order.id);
  }

  #pricesOf(symbol: string): Prices {
    const ticker = this.#exchange.tickers.value.get(symbol);
    const priceOf = (text: string | null | undefined) => (text == null ? null : read(text));
    return { last: priceOf(ticker?.last), bid: priceOf(ticker?.bid), ask: priceOf(ticker?.ask) };
  }
}

const NOTHING: RowEdit = { amendment: null, effect: "same", error: "" };

/** Put a field in place of a cell's text. */
function field(row: HTMLElement, label: string, value: string): HTMLInputElement {
  const attrs = { "aria-label": label, inputmode: "decimal", autocomplete: "off" };
  const input = h("input", { class: "cell-input num", attrs });
  input.value = value;
  const cell = find(row, `td[data-label="${label}"]`);
  cell.hidden = false;
  cell.replaceChildren(input);
  return input;
}
