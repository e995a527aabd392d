/** What is not live is marked as such: dimmed, with its age, and by a line above all while the line is down. */

import { eachFrame, h, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Exchange } from "../state/exchange.ts";
import { ageText, type Part, PARTS, SHUT_MS } from "../state/freshness.ts";

/** How often ages are looked at: well below what may pass before a mark. */
export const LOOK_MS = 50;

/** Which panels show which part; the chart's own is the book while the depth is on show. */
const PANELS: readonly (readonly [selector: string, part: Part])[] = [
  [".top", "ticker"],
  [".markets", "ticker"],
  [".overview-card", "ticker"],
  ['.chart-panel[data-shows="price"]', "chart"],
  ['.chart-panel[data-shows="depth"]', "book"],
  [".book-panel", "book"],
  [".tape-panel", "tape"],
  [".activity", "account"],
];

/** `desk` holds all that is fed by the line. */
export function mount(banner: HTMLElement, desk: HTMLElement, exchange: Exchange): void {
  new Marks(banner, desk, exchange);
}

class Marks {
  readonly #desk: HTMLElement;
  readonly #exchange: Exchange;
  readonly #banner: HTMLElement;
  readonly #said = h("span");
  /** Not read out: it is another one ten times a second. */
  readonly #age = h("span", { class: "num", attrs: { "aria-hidden": "true" } });
  #since = "";
  #marked: Part[] = [];

  constructor(banner: HTMLElement, desk: HTMLElement, exchange: Exchange) {
    this.#desk = desk;
    this.#exchange = exchange;
    this.#banner = banner;
    banner.replaceChildren(this.#said, this.#age);
    exchange.connection.watch(() => {
      if (exchange.isStale) this.#since ||= format.timeOfDay(new Date().toISOString());
      else this.#since = "";
      this.#draw();
    });
    exchange.freshness.changed.watch(() => this.#draw());
    window.setInterval(() => {
      if (document.hidden) return;
      exchange.freshness.judge();
      this.#draw();
    }, LOOK_MS);
  }

  /** Mark at once; a mark goes with the frame that draws what is new in its place. */
  #draw(): void {
    const old = this.#old;
    const isBetter = this.#marked.some((part) => !old.includes(part));
    if (isBetter) this.#drawLater();
    else this.#mark(old);
  }

  readonly #drawLater = eachFrame(() => this.#mark(this.#old));

  get #old(): Part[] {
    const { freshness, isStale } = this.#exchange;
    return PARTS.filter((part) => isStale || freshness.isOld(part));
  }

  #mark(old: Part[]): void {
    this.#marked = old;
    const marked = old.join(" ");
    if (this.#desk.dataset["old"] !== marked) this.#desk.dataset["old"] = marked;
    this.#drawBanner();
    for (const [selector, part] of PANELS) {
      const panel = this.#desk.querySelector<HTMLElement>(selector);
      if (panel) this.#tellAge(panel, old.includes(part) ? this.#exchange.freshness.ageMs(part) : null);
    }
  }

  #drawBanner(): void {
    const { connection, isStale, freshness } = this.#exchange;
    const age = freshness.lineAgeMs;
    const isSilent = !isStale && age !== null && age > SHUT_MS;
    const what =
      connection.value === "offline" ? "You are offline." : "The connection is lost; trying again.";
    const text = isStale ? `${what} Prices, orders and balances stand still since ${this.#since}.` : "";
    this.#banner.hidden = !isStale && !isSilent;
    setText(this.#said, isSilent ? "The exchange does not answer: what you see is not live." : text);
    setText(this.#age, age !== null && (isStale || isSilent) ? ` ${ageText(age)}` : "");
  }

  /** Null: it is live, or never was. */
  #tellAge(panel: HTMLElement, ageMs: number | null): void {
    let mark = panel.querySelector<HTMLElement>(":scope > .age-mark");
    if (ageMs === null) {
      mark?.remove();
      return;
    }
    if (!mark) {
      mark = h("span", { class: "age-mark num" });
      panel.append(mark);
    }
    setText(mark, ageText(ageMs));
  }
}
