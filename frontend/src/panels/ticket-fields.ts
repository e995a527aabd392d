/** The order form's fields: what stands in them, and which of them a kind of order has. */

import { parse, read, typed, write } from "../core/decimal.ts";
import { choiceGroup, find, findAll, h, setText } from "../core/dom.ts";
import type { Side } from "../link/messages.ts";
import type { Market } from "../link/types.ts";
import type { Asks, Draft, FieldName } from "../state/draft.ts";
import { unitOf } from "../state/fees.ts";
import { isReachedRising, rests, type TicketKind, type TimeInForce, traitsOf } from "../state/order-kinds.ts";
import { kindRefused, postOnlyRefused, type State, timeRefused } from "../state/phases.ts";
import { FIELDS, type Inputs } from "./ticket-errors.ts";

/** Arrow keys step quantities by the lot, and prices by the tick. */
const QUANTITIES: readonly FieldName[] = ["quantity", "show"];
const UNSTEPPED: readonly FieldName[] = ["total", "until", "trail"];

/** What becomes of an order that meets one of its owner's. */
const SELF_TRADE: Record<NonNullable<Asks["selfTrade"]>, string> = {
  None: "Let them trade",
  Taker: "Cancel the new order",
  Maker: "Cancel the resting order",
  Both: "Cancel both",
  Decrement: "Reduce both, without a trade",
  Transfer: "Reduce both and move the funds between your accounts",
};

/** What of the form can be chosen from outside. */
export interface Taken {
  side: Side;
  group: "Limit" | "Market" | "Trigger";
  measure: Draft["measure"];
  time: TimeInForce;
  isPostOnly: boolean;
}

export class TicketFields {
  readonly inputs: Inputs;
  readonly #element: HTMLElement;
  readonly #onArrange: () => void;
  readonly #selectSide: (value: string) => void;
  readonly #selectGroup: (value: string) => void;
  readonly #selectMeasure: (value: string) => void;
  side: Side = "Buy";
  /** Limit and market orders, or those that wait for a price, of which `#kind` says which. */
  #group: Taken["group"] = "Limit";
  #measure: Draft["measure"] = "amount";
  /** What the market is in: not all states take all kinds. */
  #state: State = "Continuous";

  /** `onArrange` is called when other fields are shown, `onEdit` when one was typed in. */
  constructor(element: HTMLElement, onArrange: () => void, onEdit: (field: FieldName) => void) {
    this.#element = element;
    this.#onArrange = onArrange;
    const inputOf = (field: FieldName) => find<HTMLInputElement>(element, `#${field}`);
    this.inputs = Object.fromEntries(FIELDS.map((field) => [field, inputOf(field)])) as Inputs;
    this.#selectSide = this.#choice("#order-side", (value) => (this.side = value as Side));
    this.#selectGroup = this.#choice("#order-type", (value) => {
      this.#group = value as Taken["group"];
    });
    this.#selectMeasure = this.#choice("#order-measure", (value) => {
      this.#measure = value as Draft["measure"];
    });
    const arranging = ["kind", "exits", "time-in-force", "post-only", "post-only-mode", "trail-unit"];
    for (const id of [...arranging, "trigger-by", "self-trade"])
      this.#part(`#${id}`).addEventListener("change", () => this.arrange());
    for (const field of FIELDS) {
      const input = this.inputs[field];
      input.addEventListener("input", () => onEdit(field));
      // `61,000.00` stays in the field as what it was understood to be.
      input.addEventListener("change", () => {
        const plain = typed(input.value);
        if (parse(plain) !== null) input.value = plain;
        this.#drawAsked();
      });
    }
  }

  #part<T extends HTMLElement>(selector: string): T {
    return find<T>(this.#element, selector);
  }

  #choice(selector: string, take: (value: string) => void): (value: string) => void {
    return choiceGroup(this.#part(selector), (value) => {
      take(value);
      this.arrange();
    });
  }

  #chosen(id: string): string {
    return this.#part<HTMLSelectElement>(`#${id}`).value;
  }

  get kind(): TicketKind {
    return this.#group === "Trigger" ? (this.#chosen("kind") as TicketKind) : this.#group;
  }

  get #slippage(): string {
    const chosen = this.#chosen("slippage");
    return chosen === "own" ? this.#part<HTMLInputElement>("#slippage-own").value : chosen;
  }

  /** Where a price that is picked elsewhere belongs. */
  takePrice(price: string): FieldName {
    if (this.#group === "Market") this.#group = "Limit";
    const { isLimit, trails } = traitsOf(this.kind);
    const waiting = this.kind === "OCO" ? "profit" : "stop";
    const field = isLimit ? "price" : trails ? "activation" : waiting;
    this.inputs[field].value = price;
    this.arrange();
    return field;
  }

  /** Choose from outside; with `isPostOnly` it is an order anew, and what else stands there goes. */
  take({ side, group, measure, time, isPostOnly }: Partial<Taken>): void {
    this.side = side ?? this.side;
    this.#group = group ?? this.#group;
    this.#measure = measure ?? this.#measure;
    if (time) this.#part<HTMLSelectElement>("#time-in-force").value = time;
    if (isPostOnly !== undefined) {
      this.clear();
      this.#part<HTMLInputElement>("#post-only").checked = isPostOnly;
      this.#part<HTMLInputElement>("#exits").checked = false;
      this.#part<HTMLSelectElement>("#self-trade").value = "";
    }
    this.arrange();
  }

  /** Whether its fields for a take profit and a stop loss are on show. */
  get hasExits(): boolean {
    if (this.kind === "OCO") return true;
    return this.kind === "Limit" && this.#part<HTMLInputElement>("#exits").checked;
  }

  draft(): Draft {
    const { inputs } = this;
    const timeInForce = this.#chosen("time-in-force") as Draft["timeInForce"];
    const { isLimit, waits } = traitsOf(this.kind);
    const isPair = this.kind === "OCO";
    const { hasExits } = this;
    return {
      side: this.side,
      type: this.kind,
      // A sell that waits cannot be for an amount of quote, which only its price would tell.
      measure: isPair || (waits && this.side === "Sell") ? "quantity" : this.#measure,
      price: inputs.price.value,
      quantity: inputs.quantity.value,
      total: inputs.total.value,
      timeInForce,
      isPostOnly: isLimit && rests(timeInForce) && this.#part<HTMLInputElement>("#post-only").checked,
      asks: {
        // Of a pair it is the stop loss that waits for a price.
        stop: isPair ? inputs.loss.value : inputs.stop.value,
        trail: inputs.trail.value,
        trailUnit: this.#chosen("trail-unit") as Asks["trailUnit"],
        activation: inputs.activation.value,
        triggerBy: this.#chosen("trigger-by") as Asks["triggerBy"],
        until: inputs.until.value,
        slides: this.#chosen("post-only-mode") === "Slide",
        show: inputs.show.value,
        protection: inputs.protection.value,
        slippage: this.#slippage,
        selfTrade: (this.#chosen("self-trade") || null) as Asks["selfTrade"],
        profit: hasExits ? inputs.profit.value : "",
        loss: hasExits ? inputs.loss.value : "",
      },
    };
  }

  /** Begin anew with a market: what may be typed is hinted at by its tick and its lot. */
  reset(market: Market): void {
    for (const field of FIELDS) this.inputs[field].value = "";
    const cent = write(unitOf(market.quote_scale));
    const total = market.quote_scale > 2 ? "0.00" : cent;
    const [tick, lot] = [market.price_tick, market.quantity_step];
    const steps: Partial<Record<FieldName, string>> = {
      ...{ stop: tick, price: tick, activation: tick, protection: tick, total },
      ...{ profit: tick, loss: tick },
      ...{ quantity: lot, show: lot, trail: "0.00" },
    };
    for (const [field, step] of Object.entries(steps))
      this.inputs[field as FieldName].placeholder = step.replace(/[1-9]/g, "0");
    setText(this.#part('#trail-unit [value="price"]'), market.quote_asset);
    const own = market.self_trade_prevention;
    const modes = market.self_trade_preventions.filter((mode) => mode !== own);
    this.#part("#self-trade").replaceChildren(
      h("option", { text: SELF_TRADE[own], attrs: { value: "" } }),
      ...modes.map((mode) => h("option", { text: SELF_TRADE[mode], attrs: { value: mode } })),
    );
    this.arrange();
  }

  /** Empty what an order was asked for this once. */
  clear(): void {
    for (const field of ["quantity", "total", "show", "protection", "activation", "profit", "loss"] as const)
      this.inputs[field].value = "";
    this.#drawAsked();
  }

  /** Let only those kinds be chosen that a market of this state takes; what is chosen stays. */
  offer(state: State): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#part("#order-type")
      .querySelectorAll<HTMLButtonElement>("button")
      .forEach((button) => {
        const kind = button.dataset["value"] as "Limit" | "Market" | "Trigger";
        const reason = kind === "Trigger" ? "" : kindRefused(state, kind);
        button.disabled = Boolean(reason);
        button.title = reason;
      });
    for (const option of this.#part<HTMLSelectElement>("#kind").options)
      option.disabled = Boolean(kindRefused(state, option.value as TicketKind));
    this.arrange();
  }

  set isShut(isShut: boolean) {
    for (const field of FIELDS) this.inputs[field].disabled = isShut;
    for (const share of findAll<HTMLButtonElement>(this.#part("#shares"), "button"))
      share.disabled = isShut;
  }

  /** Step a figure by its tick or its lot; false where it has neither, or is no figure. */
  step(field: FieldName, isUp: boolean, market: Market): boolean {
    const input = this.inputs[field];
    const amount = parse(typed(input.value || "0"));
    if (amount === null || UNSTEPPED.includes(field)) return false;
    const step = read(QUANTITIES.includes(field) ? market.quantity_step : market.price_tick);
    const next = amount + (isUp ? step : -step);
    input.value = write(next > 0n ? next : 0n);
    return true;
  }

  /** Show the fields that the chosen kind of order has. */
  arrange(): void {
    const { isLimit, waits, trails } = traitsOf(this.kind);
    this.#selectSide(this.side);
    this.#selectGroup(this.#group);
    this.#offerTimes(isLimit);
    const draft = this.draft();
    this.#selectMeasure(draft.measure);
    const isByAmount = !isLimit && draft.measure === "amount";
    const isPair = this.kind === "OCO";
    const hasTime = (isLimit || waits) && !isPair;
    const { hasExits } = this;
    const shown: Record<string, boolean> = {
      kind: waits,
      stop: waits && !trails && !isPair,
      trail: trails,
      price: isLimit,
      measure: !isLimit && !isPair && !(waits && this.side === "Sell"),
      quantity: !isByAmount,
      total: isLimit || isByAmount,
      options: hasTime,
      postOnly: isLimit,
      postOnlyMode: draft.isPostOnly,
      until: hasTime && draft.timeInForce === "GTD",
      activation: trails,
      triggerBy: waits && !isPair,
      exits: this.kind === "Limit",
      profit: hasExits,
      loss: hasExits,
      selfTrade: !isPair,
      show: isLimit && rests(draft.timeInForce),
      protection: !isLimit && !isPair,
      slippage: this.kind === "Market",
    };
    for (const [field, isShown] of Object.entries(shown))
      this.#part(`[data-field="${field}"]`).hidden = !isShown;
    setText(this.#part("#total-label"), isLimit ? "Total" : "Amount");
    setText(this.#part("#price-label"), waits ? "Limit price" : "Price");
    setText(this.#part("#kind-hint"), waits ? hintOf(this.kind, this.side) : "");
    const postOnly = this.#part<HTMLInputElement>("#post-only");
    const refused = postOnlyRefused(this.#state, this.kind);
    // Whoever has chosen it before can still let go of it.
    postOnly.disabled = !rests(draft.timeInForce) || (Boolean(refused) && !postOnly.checked);
    postOnly.title = refused;
    this.#drawAsked();
    this.#onArrange();
  }

  /** A market order that waits does so until its price comes, or until a time. */
  #offerTimes(isLimit: boolean): void {
    const select = this.#part<HTMLSelectElement>("#time-in-force");
    for (const option of select.options) {
      const time = option.value as Draft["timeInForce"];
      const isOffered = isLimit || rests(time);
      option.hidden = !isOffered;
      option.disabled = !isOffered || Boolean(timeRefused(this.#state, this.kind, time));
      if (!isOffered && option.selected) select.value = "GTC";
    }
  }

  /** What of the folded part is in force, so that nothing is forgotten there. */
  #drawAsked(): void {
    const { asks } = this.draft();
    const isShown = (field: string) => !this.#part(`[data-field="${field}"]`).hidden;
    const said = [
      isShown("activation") && asks.activation && `from ${asks.activation}`,
      isShown("triggerBy") && asks.triggerBy === "Opposite" && "by best price",
      isShown("show") && asks.show && `shows ${asks.show}`,
      isShown("protection") && asks.protection && `worst ${asks.protection}`,
      asks.selfTrade && SELF_TRADE[asks.selfTrade].toLowerCase(),
    ];
    setText(this.#part("#asked"), said.filter(Boolean).join(" · "));
  }
}

function hintOf(kind: TicketKind, side: Side): string {
  if (kind === "OCO") {
    const acts = side === "Buy" ? "Buys" : "Sells";
    return `${acts} at the take profit, or at the market once the price reaches the stop loss: one cancels the other.`;
  }
  const { isLimit, trails } = traitsOf(kind);
  const [act, way] = [side === "Buy" ? "Buys" : "Sells", isReachedRising(kind, side)];
  const how = isLimit ? "at your limit price" : "at the market";
  if (!trails) return `${act} ${how} once the price ${way ? "rises" : "falls"} to the trigger.`;
  return `${act} ${how} once the price ${way ? "rises" : "falls"} this far from its ${way ? "lowest" : "highest"}.`;
}
