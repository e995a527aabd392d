/** The dialog about what ends an account's quotes in a market: to see, to set, to reset. */

import { parse, typed, write } from "../core/decimal.ts";
import { find, findAll, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { ApiError } from "../link/rest.ts";
import type { Protection, ProtectionIn } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import { isViewed } from "../state/lock.ts";
import type { Portfolio } from "../state/portfolio.ts";

const MS_IN_S = 1_000n;
const ONE = 10n ** 18n;

export function mount(
  dialog: HTMLDialogElement,
  opener: HTMLButtonElement,
  exchange: Exchange,
  portfolio: Portfolio,
): void {
  new ProtectionDialog(dialog, opener, exchange, portfolio);
}

class ProtectionDialog {
  readonly #dialog: HTMLDialogElement;
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;

  constructor(
    dialog: HTMLDialogElement,
    opener: HTMLButtonElement,
    exchange: Exchange,
    portfolio: Portfolio,
  ) {
    this.#dialog = dialog;
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    portfolio.accountId.watch((id) => {
      const account = exchange.accountOf(id);
      opener.hidden = !account || isViewed(account);
    });
    opener.addEventListener("click", () => void this.#open());
    this.#part("#quotes-close").addEventListener("click", () => dialog.close());
    this.#part("#quotes-remove").addEventListener(
      "click",
      () => void this.#call((path) => exchange.rest.delete<Protection>(path)),
    );
    this.#part("#quotes-reset").addEventListener(
      "click",
      () => void this.#call((path) => exchange.rest.post<Protection>(`${path}/reset`, {})),
    );
    this.#part("#quotes-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const asked = this.#asked();
      if (asked) void this.#call((path) => exchange.rest.put<Protection>(path, asked));
    });
  }

  #part<T extends HTMLElement>(selector: string): T {
    return find<T>(this.#dialog, selector);
  }

  #value(id: string): string {
    return typed(this.#part<HTMLInputElement>(`#quotes-${id}`).value);
  }

  async #open(): Promise<void> {
    const symbol = this.#exchange.market.value?.symbol;
    if (!symbol) return;
    setText(this.#part("#quotes-market"), symbol);
    setText(this.#part("#quotes-state"), "");
    this.#complain("");
    this.#dialog.showModal();
    await this.#call((path) => this.#exchange.rest.get<Protection>(path));
  }

  /** What stands in the fields; null where it is not right, which is said. */
  #asked(): ProtectionIn | null {
    const [fills, quantity] = [this.#value("fills"), this.#value("quantity")];
    const seconds = parse(this.#value("window"));
    const windowMs = seconds === null ? null : seconds * MS_IN_S;
    if (windowMs === null || windowMs < ONE || windowMs % ONE) {
      this.#complain("Window must be seconds such as 2.5, with at most three decimals.");
      return null;
    }
    if (fills && !/^[1-9]\d{0,6}$/.test(fills)) {
      this.#complain("Fills must be a whole number above 0.");
      return null;
    }
    if (!fills && !quantity) {
      this.#complain("Say how many fills, or how much, end your quotes.");
      return null;
    }
    const asked: ProtectionIn = { window_ms: Number(windowMs / ONE) };
    if (fills) asked.max_fills = Number(fills);
    if (quantity) asked.max_quantity = quantity;
    return asked;
  }

  async #call(send: (path: string) => Promise<Protection>): Promise<void> {
    const [market, account] = [this.#exchange.market.value, this.#portfolio.accountId.value];
    if (!market || !account) return;
    const symbol = market.symbol.replace("/", "-");
    const path = `/accounts/${encodeURIComponent(account)}/protections/${symbol}`;
    this.#complain("");
    this.#setBusy(true);
    try {
      this.#draw(await send(path));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const [[name, expected] = ["", ""]] = Object.entries(error.fields);
      const labels: Record<string, string> = { max_quantity: "Quantity", window_ms: "Window" };
      const label = labels[name];
      this.#complain(
        label ? format.expectation(label, expected) : format.sentence(error.message),
      );
    } finally {
      this.#setBusy(false);
    }
  }

  #draw(protection: Protection): void {
    const { max_fills, max_quantity, window_ms, tripped } = protection;
    const isSet = max_fills !== null || max_quantity !== null;
    const values: Record<string, string> = {
      fills: max_fills === null ? "" : String(max_fills),
      quantity: max_quantity ?? "",
      window: window_ms ? write((BigInt(window_ms) * ONE) / MS_IN_S) : "1",
    };
    for (const [id, value] of Object.entries(values))
      this.#part<HTMLInputElement>(`#quotes-${id}`).value = value;
    const state = this.#part("#quotes-state");
    const set = isSet ? "In force." : "Nothing protects your quotes here.";
    const ended = "It has ended your quotes. No order is taken here until you reset it.";
    setText(state, tripped ? ended : set);
    state.classList.toggle("warn", tripped);
    this.#part("#quotes-reset").hidden = !tripped;
    this.#part("#quotes-remove").hidden = !isSet;
  }

  #complain(text: string): void {
    const error = this.#part("#quotes-error");
    error.hidden = !text;
    setText(error, text);
  }

  #setBusy(isBusy: boolean): void {
    for (const button of findAll<HTMLButtonElement>(this.#dialog, "button"))
      if (button.id !== "quotes-close") button.disabled = isBusy;
  }
}
