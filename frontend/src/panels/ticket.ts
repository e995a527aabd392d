/** The order form: draws the draft, checks it, sends it over the socket or by POST. */

import { read, showAll, write } from "../core/decimal.ts";
import { eachFrame, find, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { AccountRef } from "../link/messages.ts";
import { Signal } from "../core/signal.ts";
import { ApiError } from "../link/rest.ts";
import type { Market, OrderPreview } from "../link/types.ts";
import type { Draft, FieldName, Funds, OrderTerms } from "../state/draft.ts";
import type { Exchange } from "../state/exchange.ts";
import { ratesOf } from "../state/fees.ts";
import type { FormLink } from "../state/form-lines.ts";
import type { LiveBook } from "../state/live-book.ts";
import { isViewed, type Lock, lockOf } from "../state/lock.ts";
import { type Checked, checkTicket } from "../state/exits.ts";
import { MarketNow } from "../state/market-now.ts";
import { traitsOf } from "../state/order-kinds.ts";
import { TAKEN } from "../state/phases.ts";
import { Preview } from "../state/preview.ts";
import type { Portfolio } from "../state/portfolio.ts";
import type { Preferences } from "../state/preferences.ts";
import { Sending } from "../state/sending.ts";
import { priceBand, quantityForTotal, shareOf, totalOf } from "../state/ticket-rules.ts";
import { type Touch, touchPrice, withSlippage } from "../state/touch.ts";
import { warningsOf } from "../state/warnings.ts";
import { mount as mountAccountSelect } from "./account-select.ts";
import { FIELDS, TicketErrors } from "./ticket-errors.ts";
import { drawEstimate } from "./ticket-estimate.ts";
import { type Taken, TicketFields } from "./ticket-fields.ts";
import { mountTouch, TicketGuard } from "./ticket-guard.ts";
import { drawPreview } from "./ticket-preview.ts";
import { showUnits } from "./units.ts";

/** An answer that takes longer is waited for in sight; one that does not would only flicker. */
const SENDING_SHOWN_MS = 120;
/** What is refused for the last price. */
const OF_LAST_PRICE = ["price_band", "would_trigger_at_once", "no_reference_price"];

/** What others do with the form: the book, the chart, the keyboard, typed orders. */
export interface TicketLink extends FormLink {
  /** Fill in a price, as a click on a level of the book does, and a quantity with it. */
  fill: (price: string, quantity?: string) => void;
  choose: (what: Partial<Taken>) => void;
  takeShare: (percent: number) => void;
  /** Fill in a price of the book, where the order has one. */
  takeTouch: (touch: Touch) => void;
  focus: (field: FieldName) => void;
  /** The terms that would be sent, or what is wrong, in words; and what is odd about them. */
  checked: () => { terms: OrderTerms | null; wrong: string[]; odd: string };
  /** Send what stands in the form, as its button does; what is odd about it has been confirmed. */
  send: () => void;
}

export function mount(
  element: HTMLElement,
  exchange: Exchange,
  portfolio: Portfolio,
  live: LiveBook,
  preferences: Preferences,
): TicketLink {
  mountAccountSelect(find(element, "#account-field"), exchange, portfolio);
  find(element, "#signed-out").hidden = exchange.config.user !== null;
  showUnits(element, exchange);
  return new Ticket(element, exchange, portfolio, live, preferences);
}

class Ticket implements TicketLink {
  readonly #element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #live: LiveBook;
  readonly #fields: TicketFields;
  readonly #errors: TicketErrors;
  readonly #preview: Preview;
  readonly #preferences: Preferences;
  readonly #guard: TicketGuard;
  readonly #sending: Sending;
  readonly #now: MarketNow;
  readonly changed = new Signal<null>(null);
  #isSending = false;
  #sentAt = 0;
  #hasPrice = false;

  constructor(
    element: HTMLElement,
    exchange: Exchange,
    portfolio: Portfolio,
    live: LiveBook,
    preferences: Preferences,
  ) {
    this.#element = element;
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#live = live;
    this.#preferences = preferences;
    this.#sending = new Sending(exchange);
    this.#now = new MarketNow(exchange, portfolio, live);
    this.#fields = new TicketFields(
      element,
      () => this.#arranged(),
      (field) => this.#edited(field),
    );
    this.#errors = new TicketErrors(element, this.#fields.inputs);
    this.#preview = new Preview((order) => exchange.rest.post<OrderPreview>("/orders/preview", order));
    this.#guard = new TicketGuard(element, preferences, () => this.#refresh());
    mountTouch(this.#part("#touch"), (touch) => this.takeTouch(touch as Touch));
    this.#listen();
    this.#preview.told.watch(() => this.#drawPreview());
    live.changed.watch(() => this.#preview.move());
    exchange.market.watch((market) => market && this.#reset(market));
    exchange.tickers.watch(() => this.#proposePrice());
    portfolio.changed.watch(this.#refresh);
    portfolio.accountId.watch(this.#refresh);
    exchange.markets.watch(this.#refresh);
    exchange.connection.watch(this.#refresh);
    exchange.freshness.changed.watch(this.#refresh);
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
    this.#wantPreview();
    this.changed.notify();
  });

  /** Ask what would become of the order, where it could be sent as it stands. */
  #wantPreview(): void {
    const market = this.#exchange.market.value;
    const account = this.#portfolio.accountId.value;
    const isOff = !market || !account || !this.#exchange.config.user || this.#lockOf(market);
    const terms = isOff ? null : this.#check(market, null).terms;
    const typed = JSON.stringify([account, market?.symbol, this.#fields.draft()]);
    this.#preview.want(terms && account ? { user_id: account, ...terms } : null, typed);
  }

  #drawPreview(): void {
    const market = this.#exchange.market.value;
    if (market) drawPreview(this.#part("#preview"), this.#preview.told.value, market);
  }

  read(): { draft: Draft; hasExits: boolean } {
    return { draft: this.#fields.draft(), hasExits: this.#fields.hasExits };
  }

  set(field: FieldName, value: string): void {
    this.#fields.inputs[field].value = value;
    this.#edited(field);
  }

  fill(price: string, quantity?: string): void {
    const field = this.#fields.takePrice(price);
    if (quantity !== undefined) this.#fields.inputs.quantity.value = quantity;
    this.#edited(field);
  }

  #listen(): void {
    for (const field of FIELDS) {
      this.#fields.inputs[field].addEventListener("keydown", (event) => this.#nudge(event, field));
    }
    this.#part("#shares").addEventListener("click", (event) => {
      const share = (event.target as HTMLElement).dataset["share"];
      if (share) this.takeShare(Number(share));
    });
    const form = this.#part("#order-form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#guard.listen(form, () => this.#drawSubmit());
  }

  #reset(market: Market): void {
    this.#fields.reset(market);
    this.#hasPrice = false;
    this.#proposePrice();
  }

  /** Begin with the last price, once it is known and unless a price was typed before. */
  #proposePrice(): void {
    const last = this.#now.last(this.#exchange.market.value);
    if (this.#hasPrice || !last) return;
    this.#hasPrice = true;
    this.#fields.inputs.price.value = write(read(last));
    this.#refresh();
  }

  /** Other fields are on show: what was wrong before says nothing more. */
  #arranged(): void {
    this.#errors.show({});
    this.#guard.dismiss();
    this.#drawSubmit();
    this.#refresh();
  }

  /** The button, and why it cannot be pressed where the market or the line is to blame. */
  #drawSubmit(): void {
    const market = this.#exchange.market.value;
    const lock = this.#lockOf(market);
    const note = this.#part("#order-lock");
    const detail = lock?.detail ?? (market ? TAKEN[market.state] : undefined) ?? "";
    note.hidden = !detail;
    setText(note, detail);
    const submit = this.#part<HTMLButtonElement>("#order-submit");
    submit.className = `button submit ${this.#fields.side.toLowerCase()}`;
    const draft = market && this.#draft(market);
    const label = lock?.short ?? this.#guard.label(this.#fields.draft(), draft, market);
    const isLate = this.#isSending && performance.now() - this.#sentAt >= SENDING_SHOWN_MS;
    setText(submit, isLate ? "Sending…" : label);
    submit.disabled = !this.#exchange.config.user || isLate || !market || Boolean(lock);
    this.#fields.isShut = isViewed(this.#account);
    if (market) this.#fields.offer(market.state);
  }

  /** What stands in the form, with what its limit on slippage comes to now. */
  #draft(market: Market): Draft {
    return withSlippage(this.#fields.draft(), this.#now.prices(market), market);
  }

  get #account(): AccountRef | undefined {
    return this.#exchange.accountOf(this.#portfolio.accountId.value);
  }

  #lockOf(market: Market | null): Lock | null {
    if (!market) return null;
    const draft = this.#draft(market);
    const lock = lockOf(market, this.#exchange.stale, this.#account, draft);
    if (lock) return lock;
    const funds = this.#now.knownFunds(market);
    const { warnings } = this.#preferences.value;
    const { book } = this.#live;
    return this.#guard.judge(warningsOf(draft, market, book, this.#now.prices(market), funds, warnings));
  }

  /** Keep quantity and total of a limit order in step, and forget what was wrong before. */
  #edited(field: FieldName): void {
    if (field === "price") this.#hasPrice = true;
    const market = this.#exchange.market.value;
    if (market && traitsOf(this.#fields.kind).isLimit) {
      const { price, quantity, total } = this.#fields.inputs;
      if (field === "total") {
        quantity.value = quantityForTotal(total.value, price.value, market) ?? quantity.value;
      } else {
        total.value = totalOf(price.value, quantity.value) ?? "";
      }
    }
    this.#errors.show({});
    this.#guard.dismiss();
    this.#refresh();
  }

  #nudge(event: KeyboardEvent, field: FieldName): void {
    const market = this.#exchange.market.value;
    const isUp = event.key === "ArrowUp";
    if (!market || !(isUp || event.key === "ArrowDown") || !this.#fields.step(field, isUp, market)) return;
    event.preventDefault();
    this.#edited(field);
  }

  choose(what: Partial<Taken>): void {
    this.#fields.take(what);
  }

  focus(field: FieldName): void {
    this.#fields.inputs[field].focus();
    this.#fields.inputs[field].select();
  }

  checked(): { terms: OrderTerms | null; wrong: string[]; odd: string } {
    const market = this.#exchange.market.value;
    const lock = this.#lockOf(market);
    if (!market || lock) return { terms: null, wrong: lock ? [lock.detail] : [], odd: "" };
    const { terms, errors } = this.#check(market);
    return { terms, wrong: Object.values(errors), odd: this.#guard.asks };
  }

  send(): void {
    void this.#submit(true);
  }

  takeTouch(touch: Touch): void {
    const market = this.#exchange.market.value;
    const { side, kind } = this.#fields;
    const price = market && touchPrice(touch, side, this.#now.prices(market), market);
    if (price !== null && traitsOf(kind).isLimit) this.set("price", write(price));
  }

  takeShare(percent: number): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    const [draft, prices] = [this.#draft(market), this.#now.prices(market)];
    const share = shareOf(percent, draft, market, this.#now.funds(market), this.#live.book, prices);
    if (!share) {
      const { isLimit, trails } = traitsOf(draft.type);
      const field = isLimit ? "price" : trails ? "trail" : "stop";
      this.#errors.show({ [field]: "Enter a price first." });
      return;
    }
    this.#fields.inputs[share.field].value = share.value;
    this.#edited(share.field);
  }

  #drawEstimate(): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    const funds = this.#now.funds(market);
    const [asset, amount] =
      this.#fields.side === "Buy"
        ? [market.quote_asset, funds.quote]
        : [market.base_asset, funds.base];
    setText(
      this.#part("#available"),
      this.#exchange.config.user ? `${showAll(amount, 2)} ${asset}` : format.NONE,
    );
    const rates = ratesOf(market, this.#account);
    const [draft, prices] = [this.#draft(market), this.#now.prices(market)];
    drawEstimate(this.#part(".estimate"), draft, market, this.#live.book, rates, prices);
  }

  /** `funds`: what the order is held against; null: nothing, which leaves that to the exchange. */
  #check(
    market: Market,
    funds: Funds | null = this.#now.knownFunds(market),
  ): Checked {
    return checkTicket(this.#draft(market), market, funds, this.#now.prices(market));
  }

  /** What an error speaks of, as it is now: once it has changed, the error says nothing more. */
  #subjectOf(code: string, market: Market): string {
    const last = this.#now.last(market) ?? "";
    const subjects: Record<string, string> = {
      insufficient_balance: Object.values(this.#now.funds(market)).join(),
      ...Object.fromEntries(OF_LAST_PRICE.map((reason) => [reason, last])),
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

  async #submit(isConfirmed = false): Promise<void> {
    const market = this.#exchange.market.value;
    const account = this.#portfolio.accountId.value;
    if (!market || !account || this.#isSending || this.#lockOf(market)) return;
    const { terms, list, errors } = this.#check(market);
    this.#errors.showOwn(errors);
    if (!terms && !list) return;
    const typed = this.#fields.draft();
    if (!isConfirmed && !this.#guard.mayGo(typed)) return this.#drawSubmit();
    this.#setSending(true);
    try {
      const key = JSON.stringify([account, market.symbol, typed]);
      const placed = await this.#sending.send(account, key, { terms, list });
      for (const order of placed) this.#portfolio.upsert(order);
      this.#fields.clear();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
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
    this.#sentAt = performance.now();
    this.#drawSubmit();
    if (isSending) setTimeout(() => this.#drawSubmit(), SENDING_SHOWN_MS);
  }

  /** What the form can add to a reason. */
  #hintOf(reason: string, market: Market): string {
    if (reason !== "price_band") return "";
    const band = priceBand(market, this.#now.last(market));
    return band ? ` It can be ${band} now.` : "";
  }
}
