/** What stands between the form and a mistake: a limit on slippage, and questions about odd orders. */

import { decimalsOf, read, show, typed } from "../core/decimal.ts";
import { find, findAll, setText } from "../core/dom.ts";
import type { Market } from "../link/types.ts";
import type { Draft } from "../state/draft.ts";
import type { Lock } from "../state/lock.ts";
import type { Preferences } from "../state/preferences.ts";
import { percentOf } from "../state/touch.ts";
import { RULES, textOf, type Warning } from "../state/warnings.ts";

/** What can be chosen without typing, in percent. */
const OFFERED = ["", "0.1", "0.3", "1"];
/** The second press of a double click is no answer. */
const ANSWER_MS = 400;

export class TicketGuard {
  readonly #box: HTMLElement;
  #warnings: Warning[] = [];
  readonly #onChange: () => void;
  /** The order that was asked about, and whether an answer counts yet. */
  #asked: { key: string; isReady: boolean } | null = null;

  constructor(element: HTMLElement, preferences: Preferences, onChange: () => void) {
    this.#onChange = onChange;
    this.#box = find(element, "#order-warning");
    const choice = find<HTMLSelectElement>(element, "#slippage");
    const own = find<HTMLInputElement>(element, "#slippage-own");
    let isOwn = false;
    const show = (percent: string) => {
      isOwn ||= !OFFERED.includes(percent);
      choice.value = isOwn ? "own" : percent;
      own.hidden = !isOwn;
      if (document.activeElement !== own) own.value = percent;
      this.dismiss();
      onChange();
    };
    choice.addEventListener("change", () => {
      isOwn = choice.value === "own";
      if (!isOwn) return preferences.change({ slippage: choice.value });
      show(preferences.value.slippage);
      own.focus();
    });
    own.addEventListener("input", () => {
      // What is no percentage is not kept; the form says so when it is sent.
      if (percentOf(own.value) !== null) preferences.change({ slippage: typed(own.value) });
      this.dismiss();
      onChange();
    });
    preferences.chosen.watch(({ slippage }) => show(slippage));
  }

  /** Escape takes a question back; Enter held down is no answer to it. */
  listen(form: HTMLElement, onBack: () => void): void {
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.repeat) event.preventDefault();
      if (event.key !== "Escape" || !this.isAsking) return;
      event.preventDefault();
      event.stopPropagation();
      this.dismiss();
      onBack();
    });
  }

  get isAsking(): boolean {
    return this.#asked !== null;
  }

  /** Take what is odd now; why nothing is sent where a rule blocks. */
  judge(warnings: Warning[]): Lock | null {
    this.#warnings = warnings;
    if (this.#asked) setText(this.#box, this.#question);
    const blocking = warnings.find(({ act }) => act === "block");
    if (!blocking) return null;
    const detail = `${textOf(warnings, "block")} Your own rule blocks that (Settings, Order warnings).`;
    return { short: `Blocked: ${RULES[blocking.rule].short}`, detail };
  }

  /** What the button says of an order as it was typed, and with its limit on slippage counted in. */
  label(asked: Draft, draft: Draft | null, market: Market | null): string {
    const { side } = asked;
    if (!market || !draft) return side;
    const worst = asked.asks.protection ? "" : draft.asks.protection;
    const price = worst && show(read(worst), decimalsOf(market.price_tick));
    const limit = worst ? ` ${side === "Buy" ? "up to" : "down to"} ${price}` : "";
    return `${side} ${market.base_asset}${limit}${this.#asked?.isReady ? " anyway" : ""}`;
  }

  /** What is odd and asks first, in words. */
  get asks(): string {
    return textOf(this.#warnings, "ask");
  }

  get #question(): string {
    return `${this.asks} Press again to send it, Escape to go back.`;
  }

  /** Whether a draft may be sent: what is odd about it is asked once, and confirmed by a second press. */
  mayGo(draft: Draft): boolean {
    const rules = this.#warnings.map(({ rule }) => rule);
    const key = JSON.stringify([draft, rules]);
    const asked = this.#asked?.key === key ? this.#asked : null;
    if (!this.asks || asked?.isReady) {
      this.dismiss();
      return true;
    }
    if (!asked) this.#ask(key);
    this.#box.hidden = false;
    setText(this.#box, this.#question);
    // On a phone the button stands apart from the form.
    this.#box.scrollIntoView({ block: "nearest" });
    return false;
  }

  #ask(key: string): void {
    const asked = { key, isReady: false };
    this.#asked = asked;
    window.setTimeout(() => {
      asked.isReady = true;
      this.#onChange();
    }, ANSWER_MS);
  }

  /** It is another order, or none. */
  dismiss(): void {
    this.#asked = null;
    this.#box.hidden = true;
    setText(this.#box, "");
  }
}

/** Buttons that take a price of the book. */
export function mountTouch(group: HTMLElement, take: (touch: string) => void): void {
  for (const button of findAll(group, "[data-touch]"))
    button.addEventListener("click", () => take(button.dataset["touch"]!));
}
