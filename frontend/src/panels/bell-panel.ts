/** Notices of before, and the alerts of the market on show: what the bell opens. */

import { h, setText, syncList } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { ApiError } from "../link/rest.ts";
import type { Alert, Market } from "../link/types.ts";
import { wishOf } from "../state/alerts.ts";
import * as figures from "../state/figures.ts";
import { FILTERS, type Notice } from "../state/notices.ts";
import type { BellParts } from "./bell.ts";

let panel: BellPanel | null = null;

export function open(page: HTMLElement, parts: BellParts, price?: string): void {
  panel ??= new BellPanel(page, parts);
  panel.show(price);
}

class BellPanel {
  readonly #parts: BellParts;
  readonly #dialog: HTMLDialogElement;
  readonly #filter = h("select", { class: "small-select", attrs: { "aria-label": "Which notices" } });
  readonly #history = h("ul", { class: "notices", attrs: { "aria-label": "Notices, newest first" } });
  readonly #none = h("p", { class: "empty", text: "No notices." });
  readonly #set = h("ul", { class: "alert-list", attrs: { "aria-label": "Alerts that are set" } });
  readonly #title = h("h3", { attrs: { id: "alerts-title" } });
  readonly #price = h("input", {
    class: "num",
    attrs: { id: "alert-price", inputmode: "decimal", autocomplete: "off", "aria-describedby": "alert-error" },
  });
  readonly #repeats = h("input", { type: "checkbox" });
  readonly #byMail = h("input", { type: "checkbox" });
  readonly #error = h("p", { class: "field-error", attrs: { id: "alert-error", role: "alert" } });
  readonly #button = h("button", { class: "button primary", text: "Set alert" });

  constructor(page: HTMLElement, parts: BellParts) {
    this.#parts = parts;
    const done = h("button", { class: "button quiet", type: "button", text: "Close" });
    const isUser = parts.exchange.config.user !== null;
    this.#dialog = h(
      "dialog",
      { class: "dialog bell", attrs: { id: "bell", "aria-labelledby": "bell-title" } },
      h("h2", { text: "Notices and alerts", attrs: { id: "bell-title" } }),
      isUser && this.#alerts(),
      this.#notices(),
      h("div", { class: "dialog-actions" }, done),
    );
    page.append(this.#dialog);
    done.addEventListener("click", () => this.#dialog.close());
    // A click beside it closes it.
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    parts.notices.list.watch(() => this.#drawNotices());
    parts.alerts.list.watch(() => this.#drawAlerts());
    parts.exchange.market.watch(() => this.#drawAlerts());
  }

  show(price?: string): void {
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#drawAlerts();
    this.#drawNotices();
    this.#parts.notices.markRead();
    setText(this.#error, "");
    if (price === undefined) return;
    this.#price.value = price;
    this.#price.focus();
  }

  get #market(): Market | null {
    return this.#parts.exchange.market.value;
  }

  // --- notices ---

  #notices(): HTMLElement {
    for (const [value, { label }] of Object.entries(FILTERS)) {
      this.#filter.append(h("option", { text: label, attrs: { value } }));
    }
    this.#filter.addEventListener("change", () => this.#drawNotices());
    const clear = h("button", { class: "button quiet small", type: "button", text: "Clear" });
    clear.addEventListener("click", () => this.#parts.notices.clear());
    return h(
      "section",
      { attrs: { "aria-labelledby": "notices-title" } },
      h(
        "div",
        { class: "bell-head" },
        h("h3", { text: "Notices", attrs: { id: "notices-title" } }),
        this.#filter,
        clear,
      ),
      h(
        "div",
        { class: "notices-scroll", attrs: { tabindex: "0", role: "region", "aria-label": "List of notices" } },
        this.#history,
        this.#none,
      ),
    );
  }

  #drawNotices(): void {
    if (!this.#dialog.open) return;
    const { kinds } = FILTERS[this.#filter.value || "all"]!;
    const shown = this.#parts.notices.list.value.filter(({ kind }) => kinds.includes(kind));
    this.#none.hidden = shown.length > 0;
    this.#history.replaceChildren(...shown.map(noticeLine));
    this.#parts.notices.markRead();
  }

  // --- alerts ---

  #alerts(): HTMLElement {
    const form = h(
      "form",
      { class: "alert-form", attrs: { novalidate: "" } },
      h("label", { text: "Tell me at", attrs: { for: "alert-price" } }),
      h("div", { class: "input" }, this.#price),
      this.#button,
      h("label", { class: "check" }, this.#repeats, "Each time"),
      h("label", { class: "check" }, this.#byMail, "By mail, too"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    return h(
      "section",
      { attrs: { "aria-labelledby": "alerts-title" } },
      h(
        "div",
        { class: "bell-head" },
        this.#title,
        h("a", { class: "text-link", href: "/account/alerts", text: "All alerts" }),
      ),
      form,
      this.#error,
      h("p", { class: "muted bell-hint", text: "Or right-click in the chart, or Ctrl K: alert 65000." }),
      this.#set,
    );
  }

  #drawAlerts(): void {
    const market = this.#market;
    if (!this.#dialog.open || !market) return;
    setText(this.#title, `Alerts in ${market.symbol}`);
    syncList(
      this.#set,
      this.#parts.alerts.liveIn(market.symbol),
      ({ id }) => id,
      (alert) => this.#alertLine(alert),
      (element, alert) => setText(element.firstElementChild!, this.#saying(alert)),
    );
  }

  #saying({ condition, price, repeats, by_mail: byMail, state, note }: Alert): string {
    const more = [
      repeats && "each time",
      byMail && "by mail",
      state === "Away" && "waits for the price to go back",
      note,
    ].filter(Boolean);
    const side = condition === "RisesTo" ? "Rises to" : "Falls to";
    return [`${side} ${figures.price(price, this.#market ?? undefined)}`, ...more].join(", ");
  }

  #alertLine(alert: Alert): HTMLElement {
    const remove = h("button", { class: "button quiet small", type: "button", text: "Remove" });
    remove.setAttribute("aria-label", `Remove the alert at ${figures.price(alert.price, this.#market ?? undefined)}`);
    remove.addEventListener("click", () => void this.#tried(this.#parts.alerts.remove(alert.id)));
    return h("li", {}, h("span", { class: "num" }), remove);
  }

  async #send(): Promise<void> {
    const market = this.#market;
    if (!market) return;
    const last = this.#parts.exchange.tickers.value.get(market.symbol)?.last;
    const wish = wishOf(this.#price.value, market, last);
    setText(this.#error, "wrong" in wish ? wish.wrong : "");
    if ("wrong" in wish) return this.#price.focus();
    this.#button.disabled = true;
    const asked = { ...wish, market: market.symbol, repeats: this.#repeats.checked, by_mail: this.#byMail.checked };
    await this.#tried(this.#parts.alerts.set(asked).then(() => (this.#price.value = "")));
    this.#button.disabled = false;
    this.#price.focus();
  }

  async #tried(work: Promise<unknown>): Promise<void> {
    try {
      await work;
      setText(this.#error, "");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const [said] = Object.values(error.fields);
      setText(this.#error, format.sentence(said ?? error.message));
    }
  }
}

function noticeLine({ title, detail, tone, at }: Notice): HTMLElement {
  const iso = new Date(at).toISOString();
  return h(
    "li",
    { class: tone },
    h("strong", { text: title }),
    h("time", { class: "muted num", text: format.dateTime(iso), attrs: { datetime: iso } }),
    detail && h("p", { text: detail }),
  );
}
