/** The order form: draws the draft, checks it, sends it over the socket or by POST. */

import { decimalsOf, parse, read, show, showAll, typed, write } from "../core/decimal.ts";
import { choiceGroup, eachFrame, find, findAll, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { AccountRef, Side } from "../link/messages.ts";
import { newClientOrderId, placeOrder } from "../link/orders.ts";
import { ApiError } from "../link/rest.ts";
import type { Market, PlaceOrderIn } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import { type Rates, ratesOf, unitOf } from "../state/fees.ts";
import type { LiveBook } from "../state/live-book.ts";
import { isViewed, type Lock, lockOf } from "../state/lock.ts";
import type { Portfolio } from "../state/portfolio.ts";
import {
  checkDraft,
  type Draft,
  estimate,
  type FieldName,
  type Funds,
  priceBand,
  quantityForTotal,
  shareOf,
  totalOf,
} from "../state/ticket-rules.ts";
import { mount as mountAccountSelect } from "./account-select.ts";
import { FIELDS, type Inputs, TicketErrors } from "./ticket-errors.ts";
import { showUnits } from "./units.ts";

/** Return what fills in a price, as a click on a level of the book does. */
export function mount(
  element: HTMLElement,
  exchange: Exchange,
  portfolio: Portfolio,
  live: LiveBook,
): (price: string) => void {
  mountAccountSelect(find(element, "#account-field"), exchange, portfolio);
  find(element, "#signed-out").hidden = exchange.config.user !== null;
  showUnits(element, exchange);
  const ticket = new Ticket(element, exchange, portfolio, live);
  return (price) => ticket.setPrice(price);
}

class Ticket {
  readonly #element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #live: LiveBook;
  readonly #inputs: Inputs;
  readonly #errors: TicketErrors;
  readonly #selectSide: (value: string) => void;
  readonly #selectType: (value: string) => void;
  readonly #selectMeasure: (value: string) => void;
  #side: Side = "Buy";
  #type: "Limit" | "Market" = "Limit";
  #measure: "quantity" | "amount" = "amount";
  #isSending = false;
  #hasPrice = false;
  /** The last order sent, so that pressing again after a lost answer repeats that very order. */
  #unanswered: { terms: string; clientOrderId: string } | null = null;

  constructor(element: HTMLElement, exchange: Exchange, portfolio: Portfolio, live: LiveBook) {
    this.#element = element;
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#live = live;
    this.#inputs = {
      price: this.#part("#price"),
      quantity: this.#part("#quantity"),
      total: this.#part("#total"),
    };
    this.#errors = new TicketErrors(element, this.#inputs);
    this.#selectSide = choiceGroup(this.#part("#order-side"), (value) => {
      this.#side = value as Side;
      this.#arrange();
    });
    this.#selectType = choiceGroup(this.#part("#order-type"), (value) => {
      this.#type = value as "Limit" | "Market";
      this.#arrange();
    });
    this.#selectMeasure = choiceGroup(this.#part("#order-measure"), (value) => {
      this.#measure = value as "quantity" | "amount";
      this.#arrange();
    });
    this.#listen();
    exchange.market.watch((market) => market && this.#reset(market));
    exchange.tickers.watch(() => this.#proposePrice());
    portfolio.changed.watch(this.#refresh);
    portfolio.accountId.watch(this.#refresh);
    exchange.markets.watch(this.#refresh);
    exchange.connection.watch(this.#refresh);
    live.changed.watch(this.#refresh);
  }

  #part<T extends HTMLElement>(selector: string): T {
    return find<T>(this.#element, selector);
  }

  /** Draw what depends on book, funds and the market's state: estimate, available, the lock. */
  readonly #refresh = eachFrame(() => {
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
    this.#part("#shares").addEventListener("click", (event) => {
      const share = (event.target as HTMLElement).dataset["share"];
      if (share) this.#takeShare(Number(share));
    });
    this.#part("#time-in-force").addEventListener("change", () => this.#arrange());
    this.#part("#post-only").addEventListener("change", () => this.#arrange());
    this.#part("#order-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  #reset(market: Market): void {
    for (const field of FIELDS) this.#inputs[field].value = "";
    this.#hintSteps(market);
    this.#errors.show({});
    this.#arrange();
    this.#hasPrice = false;
    this.#proposePrice();
  }

  /** What may be typed is hinted at: a price by its tick, a quantity by its lot. */
  #hintSteps(market: Market): void {
    const cent = write(unitOf(market.quote_scale));
    const total = market.quote_scale > 2 ? "0.00" : cent;
    const steps = { price: market.price_tick, quantity: market.quantity_step, total };
    for (const field of FIELDS)
      this.#inputs[field].placeholder = steps[field].replace(/[1-9]/g, "0");
  }

  /** Begin with the last price, once it is known and unless a price was typed before. */
  #proposePrice(): void {
    const last = this.#lastPrice(this.#exchange.market.value);
    if (this.#hasPrice || !last) return;
    this.#hasPrice = true;
    this.#inputs.price.value = write(read(last));
    this.#refresh();
  }

  #draft(): Draft {
    const timeInForce = this.#part<HTMLSelectElement>("#time-in-force").value as Draft["timeInForce"];
    return {
      side: this.#side,
      type: this.#type,
      measure: this.#measure,
      price: this.#inputs.price.value,
      quantity: this.#inputs.quantity.value,
      total: this.#inputs.total.value,
      timeInForce,
      isPostOnly: timeInForce === "GTC" && this.#part<HTMLInputElement>("#post-only").checked,
    };
  }

  #rates(market: Market): Rates {
    return ratesOf(market, this.#account);
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
      this.#part(`[data-field="${field}"]`).hidden = !isShown;
    }
    setText(this.#part("#total-label"), isLimit ? "Total" : "Amount");
    const postOnly = this.#part<HTMLInputElement>("#post-only");
    postOnly.disabled = this.#part<HTMLSelectElement>("#time-in-force").value !== "GTC";
    this.#errors.show({});
    this.#drawSubmit();
    this.#refresh();
  }

  /** The button, and why it cannot be pressed where the market or the line is to blame. */
  #drawSubmit(): void {
    const market = this.#exchange.market.value;
    const lock = this.#lockOf(market);
    const note = this.#part("#order-lock");
    const isPostOnly = market?.state === "PostOnly" && !lock;
    note.hidden = !lock && !isPostOnly;
    const detail = lock?.detail ?? "";
    setText(note, isPostOnly ? "This market takes post-only limit orders now." : detail);
    const submit = this.#part<HTMLButtonElement>("#order-submit");
    submit.className = `button submit ${this.#side.toLowerCase()}`;
    const label = lock?.short ?? `${this.#side} ${market?.base_asset ?? ""}`.trim();
    setText(submit, this.#isSending ? "Sending…" : label);
    submit.disabled = !this.#exchange.config.user || this.#isSending || !market || Boolean(lock);
    const isShut = isViewed(this.#account);
    for (const field of FIELDS) this.#inputs[field].disabled = isShut;
    for (const share of findAll<HTMLButtonElement>(this.#part("#shares"), "button"))
      share.disabled = isShut;
  }

  get #account(): AccountRef | undefined {
    return this.#exchange.accountOf(this.#portfolio.accountId.value);
  }

  #lockOf(market: Market | null): Lock | null {
    return market && lockOf(market, this.#exchange.isStale, this.#account);
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
    this.#errors.show({});
    this.#refresh();
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
    const share = shareOf(percent, this.#draft(), market, this.#funds(market), this.#live.book);
    if (!share) {
      this.#errors.show({ price: "Enter a price first." });
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
      this.#part("#available"),
      this.#exchange.config.user ? `${showAll(amount, 2)} ${asset}` : format.NONE,
    );
    const guess = estimate(this.#draft(), market, this.#live.book, this.#rates(market));
    const money = (value: bigint | null) =>
      value === null ? format.NONE : `${format.balance(write(value))} ${guess.asset}`;
    const isMarket = this.#type === "Market";
    setText(this.#part("#estimate-label"), isMarket ? "Average price" : "Price");
    const shown = guess.price === null ? "" : show(guess.price, decimalsOf(market.price_tick));
    const price = shown ? `${isMarket ? "≈ " : ""}${shown} ${market.quote_asset}` : format.NONE;
    setText(this.#part("#estimate-price"), guess.isCovered ? price : "Not enough in the book");
    this.#part("#estimate-price").classList.toggle("warn", !guess.isCovered);
    setText(this.#part("#estimate-rate"), guess.rates.map(format.rate).join(" / "));
    setText(this.#part("#estimate-fee"), money(guess.fee));
    setText(this.#part("#estimate-receive"), money(guess.receive));
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
    const last = this.#lastPrice(market) ?? "";
    const subjects: Record<string, string> = {
      insufficient_balance: Object.values(this.#funds(market)).join(),
      price_band: last,
      market_halted: market.state,
      network: String(this.#exchange.isStale),
    };
    return [market.symbol, subjects[code] ?? ""].join();
  }

  #dropOldErrors(): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    this.#errors.dropOld(
      (code) => this.#subjectOf(code, market),
      () => this.#check(market).errors,
    );
  }

  async #submit(): Promise<void> {
    const market = this.#exchange.market.value;
    const account = this.#portfolio.accountId.value;
    if (!market || !account || this.#isSending || this.#lockOf(market)) return;
    const { terms, errors } = this.#check(market);
    this.#errors.showOwn(errors);
    if (!terms) return;
    const fingerprint = JSON.stringify([account, terms]);
    const repeated = this.#unanswered?.terms === fingerprint ? this.#unanswered : null;
    const clientOrderId = repeated?.clientOrderId ?? newClientOrderId();
    const order: PlaceOrderIn = { user_id: account, ...terms, client_order_id: clientOrderId };
    this.#setSending(true);
    try {
      const placed = await placeOrder(this.#exchange, order);
      this.#unanswered = null;
      this.#portfolio.upsert(placed);
      this.#inputs.quantity.value = "";
      this.#inputs.total.value = "";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const isUnknown = error.code === "network" || error.code === "outcome_unknown";
      this.#unanswered = isUnknown ? { terms: fingerprint, clientOrderId } : null;
      this.#errors.showRefusal(
        error,
        (reason) => this.#hintOf(reason, market),
        (code) => this.#subjectOf(code, market),
      );
      if (error.code === "market_halted") await this.#exchange.refreshMarkets();
      return;
    } finally {
      this.#setSending(false);
    }
    this.#refresh();
  }

  #setSending(isSending: boolean): void {
    this.#isSending = isSending;
    this.#drawSubmit();
  }

  /** What the form can add to a reason. */
  #hintOf(reason: string, market: Market): string {
    if (reason !== "price_band") return "";
    const band = priceBand(market, this.#lastPrice(market));
    return band ? ` It can be ${band} now.` : "";
  }

  #lastPrice(market: Market | null): string | null {
    return this.#exchange.tickers.value.get(market?.symbol ?? "")?.last ?? null;
  }
}
