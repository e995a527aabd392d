/** The order form: draws the draft, checks it, sends it over the socket or by POST. */

import type { OrderBook } from "../state/book.ts";
import { decimalsOf, parse, read, show, showAll, typed, write } from "../core/decimal.ts";
import { all, byId, choiceGroup, eachFrame, h, setText } from "../core/dom.ts";
import type { Exchange } from "../state/exchange.ts";
import { type Rates, ratesOf, unitOf } from "../state/fees.ts";
import * as format from "../core/format.ts";
import { lockOf } from "../state/lock.ts";
import { newClientOrderId, placeOrder } from "../link/orders.ts";
import type { Portfolio } from "../state/portfolio.ts";
import { ApiError } from "../link/rest.ts";
import {
  checkDraft,
  type Draft,
  estimate,
  type Errors,
  type FieldName,
  type Funds,
  priceBand,
  quantityForTotal,
  shareOf,
  type TimeInForce,
  totalOf,
} from "../state/ticket-rules.ts";
import type { Market, PlaceOrder, Side } from "../link/types.ts";

const FIELDS: readonly FieldName[] = ["price", "quantity", "total"];
/** The API's names of what the form's fields hold. */
const API_FIELDS: Record<string, FieldName> = {
  price: "price",
  quantity: "quantity",
  quote_quantity: "total",
  amount: "total",
};

export class Ticket {
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #book: OrderBook;
  readonly #inputs: Record<FieldName, HTMLInputElement>;
  readonly #selectSide: (value: string) => void;
  readonly #selectType: (value: string) => void;
  readonly #selectMeasure: (value: string) => void;
  #side: Side = "Buy";
  #type: "Limit" | "Market" = "Limit";
  #measure: "quantity" | "amount" = "amount";
  #isSending = false;
  #hasPrice = false;
  /** What the exchange refused last, and what that spoke of, as it was then. */
  #refusal: { code: string; subject: string } | null = null;
  /** Whether the errors at the fields are what the form's own check said. */
  #isOwnCheck = false;
  /** The last order sent, so that pressing again after a lost answer repeats that very order. */
  #unanswered: { terms: string; clientOrderId: string } | null = null;

  constructor(exchange: Exchange, portfolio: Portfolio, book: OrderBook) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#book = book;
    this.#inputs = { price: byId("price"), quantity: byId("quantity"), total: byId("total") };
    this.#selectSide = choiceGroup(byId("order-side"), (value) => this.#setSide(value as Side));
    this.#selectType = choiceGroup(byId("order-type"), (value) => {
      this.#type = value as "Limit" | "Market";
      this.#arrange();
    });
    this.#selectMeasure = choiceGroup(byId("order-measure"), (value) => {
      this.#measure = value as "quantity" | "amount";
      this.#arrange();
    });
    this.#listen();
    this.#fillAccounts();
    exchange.market.watch((market) => market && this.#reset());
    exchange.tickers.watch(() => this.#proposePrice());
    portfolio.changed.watch(this.refresh);
    exchange.markets.watch(this.refresh);
    exchange.connection.watch(this.refresh);
  }

  /** Draw what depends on book, funds and the market's state: estimate, available, the lock. */
  readonly refresh = eachFrame(() => {
    this.#dropOldErrors();
    this.#drawSubmit();
    this.#drawEstimate();
  });

  setPrice(price: string): void {
    if (this.#type === "Market") {
      this.#type = "Limit";
      this.#arrange();
    }
    this.#inputs.price.value = price;
    this.#edited("price");
  }

  #listen(): void {
    for (const field of FIELDS) {
      const input = this.#inputs[field];
      input.addEventListener("input", () => this.#edited(field));
      input.addEventListener("keydown", (event) => this.#nudge(event, field));
      // `61,000.00` stays in the field as what it was understood to be.
      input.addEventListener("change", () => {
        const plain = typed(input.value);
        if (parse(plain) !== null) input.value = plain;
      });
    }
    byId("shares").addEventListener("click", (event) => {
      const share = (event.target as HTMLElement).dataset["share"];
      if (share) this.#takeShare(Number(share));
    });
    byId("time-in-force").addEventListener("change", () => this.#arrange());
    byId("post-only").addEventListener("change", () => this.#arrange());
    byId("order-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  #fillAccounts(): void {
    const { accounts, user } = this.#exchange.config;
    const select = byId<HTMLSelectElement>("account-select");
    byId("account-field").hidden = accounts.length < 2;
    byId("signed-out").hidden = user !== null;
    for (const account of accounts) {
      const option = h("option", { text: account.label || account.id.slice(0, 8) });
      option.value = account.id;
      select.append(option);
    }
    select.addEventListener("change", () => (this.#portfolio.accountId.value = select.value));
    this.#portfolio.accountId.watch((id) => id && (select.value = id));
  }

  #setSide(side: Side): void {
    this.#side = side;
    this.#arrange();
  }

  #reset(): void {
    for (const field of FIELDS) this.#inputs[field].value = "";
    this.#showErrors({});
    this.#arrange();
    this.#hasPrice = false;
    this.#proposePrice();
  }

  /** Begin with the last price, once it is known and unless a price was typed before. */
  #proposePrice(): void {
    const symbol = this.#exchange.market.value?.symbol ?? "";
    const last = this.#exchange.tickers.value.get(symbol)?.last;
    if (this.#hasPrice || !last) return;
    this.#hasPrice = true;
    this.#inputs.price.value = write(read(last));
    this.refresh();
  }

  #draft(): Draft {
    const timeInForce = byId<HTMLSelectElement>("time-in-force").value as TimeInForce;
    return {
      side: this.#side,
      type: this.#type,
      measure: this.#measure,
      price: this.#inputs.price.value,
      quantity: this.#inputs.quantity.value,
      total: this.#inputs.total.value,
      timeInForce,
      isPostOnly: timeInForce === "GTC" && byId<HTMLInputElement>("post-only").checked,
    };
  }

  #rates(market: Market): Rates {
    const id = this.#portfolio.accountId.value;
    return ratesOf(
      market,
      this.#exchange.config.accounts.find((account) => account.id === id),
    );
  }

  #funds(market: Market): Funds {
    return {
      base: this.#portfolio.available(market.base_asset),
      quote: this.#portfolio.available(market.quote_asset),
    };
  }

  /** Show the fields that the chosen kind of order has. */
  #arrange(): void {
    const isLimit = this.#type === "Limit";
    const isByAmount = !isLimit && this.#measure === "amount";
    this.#selectSide(this.#side);
    this.#selectType(this.#type);
    this.#selectMeasure(this.#measure);
    const shown: Record<string, boolean> = {
      price: isLimit,
      measure: !isLimit,
      quantity: !isByAmount,
      total: isLimit || isByAmount,
      options: isLimit,
    };
    for (const [field, isShown] of Object.entries(shown)) {
      document.querySelector<HTMLElement>(`#order-form [data-field="${field}"]`)!.hidden = !isShown;
    }
    setText(byId("total-label"), isLimit ? "Total" : "Amount");
    const postOnly = byId<HTMLInputElement>("post-only");
    postOnly.disabled = byId<HTMLSelectElement>("time-in-force").value !== "GTC";
    this.#showErrors({});
    this.#drawSubmit();
    this.refresh();
  }

  /** The button, and why it cannot be pressed where the market or the line is to blame. */
  #drawSubmit(): void {
    const market = this.#exchange.market.value;
    const lock = market && lockOf(market, this.#exchange.isStale);
    const note = byId("order-lock");
    const isPostOnly = market?.state === "PostOnly" && !lock;
    note.hidden = !lock && !isPostOnly;
    const detail = lock?.detail ?? "";
    setText(note, isPostOnly ? "This market takes post-only limit orders now." : detail);
    const submit = byId<HTMLButtonElement>("order-submit");
    submit.className = `button submit ${this.#side.toLowerCase()}`;
    const label = lock?.short ?? `${this.#side} ${market?.base_asset ?? ""}`.trim();
    setText(submit, this.#isSending ? "Sending…" : label);
    submit.disabled = !this.#exchange.config.user || this.#isSending || !market || Boolean(lock);
  }

  /** Keep quantity and total of a limit order in step, and forget what was wrong before. */
  #edited(field: FieldName): void {
    if (field === "price") this.#hasPrice = true;
    const market = this.#exchange.market.value;
    if (market && this.#type === "Limit") {
      const { price, quantity, total } = this.#inputs;
      if (field === "total") {
        quantity.value = quantityForTotal(total.value, price.value, market) ?? quantity.value;
      } else {
        total.value = totalOf(price.value, quantity.value) ?? "";
      }
    }
    this.#showErrors({});
    this.refresh();
  }

  /** Arrow keys step a price by its tick and a quantity by its lot. */
  #nudge(event: KeyboardEvent, field: FieldName): void {
    const market = this.#exchange.market.value;
    if (!market || field === "total" || (event.key !== "ArrowUp" && event.key !== "ArrowDown"))
      return;
    const amount = parse(typed(this.#inputs[field].value || "0"));
    if (amount === null) return;
    event.preventDefault();
    const step = read(field === "price" ? market.price_tick : market.quantity_step);
    const next = amount + (event.key === "ArrowUp" ? step : -step);
    this.#inputs[field].value = write(next > 0n ? next : 0n);
    this.#edited(field);
  }

  #takeShare(percent: number): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    const share = shareOf(percent, this.#draft(), market, this.#funds(market), this.#book);
    if (!share) {
      this.#showErrors({ price: "Enter a price first." });
      return;
    }
    this.#inputs[share.field].value = share.value;
    this.#edited(share.field);
  }

  #drawEstimate(): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    const funds = this.#funds(market);
    const [asset, amount] =
      this.#side === "Buy" ? [market.quote_asset, funds.quote] : [market.base_asset, funds.base];
    setText(
      byId("available"),
      this.#exchange.config.user ? `${showAll(amount, 2)} ${asset}` : format.NONE,
    );
    const guess = estimate(this.#draft(), market, this.#book, this.#rates(market));
    const money = (value: bigint | null) =>
      value === null ? format.NONE : `${format.balance(write(value))} ${guess.asset}`;
    const isMarket = this.#type === "Market";
    setText(byId("estimate-label"), isMarket ? "Average price" : "Price");
    const shown = guess.price === null ? "" : show(guess.price, decimalsOf(market.price_tick));
    const price = shown ? `${isMarket ? "≈ " : ""}${shown} ${market.quote_asset}` : format.NONE;
    setText(byId("estimate-price"), guess.isCovered ? price : "Not enough in the book");
    byId("estimate-price").classList.toggle("warn", !guess.isCovered);
    setText(byId("estimate-rate"), guess.rates.map(format.rate).join(" / "));
    setText(byId("estimate-fee"), money(guess.fee));
    setText(byId("estimate-receive"), money(guess.receive));
  }

  /** Show what is wrong now, in place of all that was; nothing is remembered of a refusal. */
  #showErrors(errors: Errors, general = ""): void {
    this.#refusal = null;
    this.#isOwnCheck = false;
    for (const field of FIELDS) {
      setText(byId(`${field}-error`), errors[field] ?? "");
      this.#inputs[field].setAttribute("aria-invalid", String(Boolean(errors[field])));
    }
    const box = byId("order-error");
    box.hidden = !general;
    setText(box, general);
  }

  #check(market: Market): ReturnType<typeof checkDraft> {
    return checkDraft(
      this.#draft(),
      market,
      this.#portfolio.isLoaded ? this.#funds(market) : null,
    );
  }

  /** What an error speaks of, as it is now: once it has changed, the error says nothing more. */
  #subjectOf(code: string, market: Market): string {
    const last = this.#exchange.tickers.value.get(market.symbol)?.last ?? "";
    const subjects: Record<string, string> = {
      insufficient_balance: Object.values(this.#funds(market)).join(),
      price_band: last,
      market_halted: market.state,
      network: String(this.#exchange.isStale),
    };
    return [market.symbol, subjects[code] ?? ""].join();
  }

  /** Take back what is no longer true: funds came in, the market opened, the line is back. */
  #dropOldErrors(): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    if (this.#refusal && this.#refusal.subject !== this.#subjectOf(this.#refusal.code, market)) {
      this.#showErrors({});
    }
    if (!this.#isOwnCheck) return;
    const { errors } = this.#check(market);
    const shown = FIELDS.filter((field) => byId(`${field}-error`).textContent);
    this.#showErrors(Object.fromEntries(shown.map((field) => [field, errors[field] ?? ""])));
    this.#isOwnCheck = shown.length > 0;
  }

  async #submit(): Promise<void> {
    const market = this.#exchange.market.value;
    const account = this.#portfolio.accountId.value;
    if (!market || !account || this.#isSending || lockOf(market, this.#exchange.isStale)) return;
    const { terms, errors } = this.#check(market);
    this.#showErrors(errors);
    this.#isOwnCheck = !terms;
    if (!terms) {
      const first = FIELDS.find((field) => errors[field]);
      if (first) this.#inputs[first].focus();
      return;
    }
    const fingerprint = JSON.stringify([account, terms]);
    const repeated = this.#unanswered?.terms === fingerprint ? this.#unanswered : null;
    const clientOrderId = repeated?.clientOrderId ?? newClientOrderId();
    const order: PlaceOrder = { user_id: account, ...terms, client_order_id: clientOrderId };
    this.#setSending(true);
    try {
      const placed = await placeOrder(this.#exchange, order);
      this.#unanswered = null;
      this.#portfolio.upsert(placed.order);
      this.#inputs.quantity.value = "";
      this.#inputs.total.value = "";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const isUnknown = error.code === "network" || error.code === "outcome_unknown";
      this.#unanswered = isUnknown ? { terms: fingerprint, clientOrderId } : null;
      this.#refused(error, market);
      if (error.code === "market_halted") await this.#exchange.refreshMarkets();
      return;
    } finally {
      this.#setSending(false);
    }
    this.refresh();
  }

  #setSending(isSending: boolean): void {
    this.#isSending = isSending;
    this.#drawSubmit();
  }

  /** Put what the exchange said beside the field it named, and the rest above the button. */
  #refused(error: ApiError, market: Market): void {
    const errors: Errors = {};
    for (const [name, expected] of Object.entries(error.fields)) {
      const field = API_FIELDS[name.split(".").at(-1) ?? ""];
      if (!field || this.#inputs[field].closest<HTMLElement>(".field")!.hidden) continue;
      // Only this code's details say what was expected; others' are figures of the refused order.
      const isExpectation = error.code === "validation_error";
      const label = this.#inputs[field].labels?.[0]?.textContent ?? field;
      errors[field] = isExpectation
        ? format.expectation(label, expected)
        : format.sentence(error.message);
    }
    const reason = error.fields["reason"] ?? error.code;
    const isPlaced = Object.keys(errors).length > 0;
    let general = format.sentence(error.message);
    if (reason === "price_band") {
      const last = this.#exchange.tickers.value.get(market.symbol)?.last;
      const band = priceBand(market, last);
      if (band) general += ` It can be ${band} now.`;
    }
    this.#showErrors(errors, isPlaced ? "" : general);
    const code = error.code === "invalid_order" ? reason : error.code;
    this.#refusal = { code, subject: this.#subjectOf(code, market) };
    const first = FIELDS.find((field) => errors[field]);
    if (first) this.#inputs[first].focus();
  }
}

/** Show a price step hint on inputs whose market changed. */
export function initPlaceholders(exchange: Exchange): void {
  exchange.market.watch((market) => {
    if (!market) return;
    const cent = write(unitOf(market.quote_scale));
    const total = market.quote_scale > 2 ? "0.00" : cent;
    const steps = { price: market.price_tick, quantity: market.quantity_step, total };
    for (const input of all<HTMLInputElement>("#order-form input.num")) {
      const step = steps[input.id as FieldName] ?? "";
      input.placeholder = step.replace(/[1-9]/g, "0");
    }
  });
}
