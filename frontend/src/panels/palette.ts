/** Search and commands: markets, pages and settings, and orders as they are typed. */

import { h } from "../core/dom.ts";
import { sentence } from "../core/format.ts";
import type { Tell } from "../core/notice.ts";
import { ApiError } from "../link/rest.ts";
import type { Market } from "../link/types.ts";
import { cancelOpen } from "../state/cancelling.ts";
import { wishOf, type Alerts } from "../state/alerts.ts";
import { type Command, describe, type Entry, found, readCommand } from "../state/commands.ts";
import type { Exchange } from "../state/exchange.ts";
import { isListed } from "../state/calendar.ts";
import * as figures from "../state/figures.ts";
import { type Preset, PRESETS, presetLayout } from "../state/layouts.ts";
import type { Portfolio } from "../state/portfolio.ts";
import type { Choices, Preferences } from "../state/preferences.ts";
import type { TicketLink } from "./ticket.ts";
import { fillOrder } from "./ticket-order.ts";

export interface PaletteParts {
  exchange: Exchange;
  portfolio: Portfolio;
  preferences: Preferences;
  ticket: TicketLink;
  tell: Tell;
  alerts: Alerts;
  openMarket: (market: Market) => void;
  /** The form is on show, wherever it was hidden. */
  showTicket: () => void;
  openSettings: () => void;
  showKeys: () => void;
  /** Where the page's menu leads. */
  pages: readonly { label: string; href: string }[];
}

const SHOWN_MAX = 9;
const EXAMPLES = "buy 0.1 btc 60000 po · sell 50% eth market · cancel all btc/usd · alert btc 65000";
const SIGNED_OUT = { terms: null, wrong: ["Log in to trade."], odd: "" };

let palette: Palette | null = null;

export function open(page: HTMLElement, parts: PaletteParts): void {
  palette ??= new Palette(page, parts);
  palette.show();
}

/** What Enter does now, and what it says of itself. */
interface Armed {
  title: string;
  detail: string;
  run: (() => void) | null;
}

class Palette {
  readonly #parts: PaletteParts;
  readonly #input = h("input", {
    class: "palette-input",
    attrs: {
      role: "combobox",
      "aria-label": "Search, or type an order",
      "aria-expanded": "true",
      "aria-controls": "palette-list",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "Market, page, setting, or an order…",
    },
  });
  readonly #list = h("ul", { attrs: { id: "palette-list", role: "listbox", "aria-label": "Found" } });
  readonly #said = h("div", { class: "palette-said", attrs: { role: "status" } });
  readonly #dialog: HTMLDialogElement;
  #entries: Entry[] = [];
  #shown: Entry[] = [];
  #place = 0;
  /** What was filled into the form waits for the second Enter. */
  #armed: Armed | null = null;

  constructor(page: HTMLElement, parts: PaletteParts) {
    this.#parts = parts;
    this.#dialog = h(
      "dialog",
      { class: "dialog palette", attrs: { "aria-label": "Search and commands" } },
      this.#input,
      this.#said,
      this.#list,
    );
    page.append(this.#dialog);
    this.#input.addEventListener("input", () => this.#draw());
    this.#input.addEventListener("keydown", (event) => this.#press(event));
    this.#list.addEventListener("click", (event) => {
      const item = (event.target as Element).closest<HTMLElement>("[data-place]");
      if (item) this.#run(Number(item.dataset["place"]));
    });
    // A click beside it closes it.
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
  }

  show(): void {
    this.#entries = entriesOf(this.#parts);
    this.#input.value = "";
    this.#draw();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
  }

  get #command(): Command | null {
    const { markets, market } = this.#parts.exchange;
    return readCommand(this.#input.value, markets.value, market.value);
  }

  #draw(): void {
    this.#armed = null;
    const command = this.#command;
    this.#shown = command ? [] : found(this.#entries, this.#input.value).slice(0, SHOWN_MAX);
    this.#place = 0;
    this.#drawList();
    const none = this.#shown.length ? "" : "Nothing is called so.";
    this.#say(command ? this.#ahead(command) : { title: none, detail: EXAMPLES, run: null });
  }

  /** What a command would do, before it is done. */
  #ahead(command: Command): Armed {
    if (command.does === "nothing") return { title: command.why, detail: EXAMPLES, run: null };
    if (command.does === "alert") return this.#alertOf(command);
    if (command.does === "cancel") return this.#cancelOf(command.market?.symbol);
    const { side, size, market, price } = command.order;
    const unit = { base: ` ${market.base_asset}`, quote: ` ${market.quote_asset} of ${market.base_asset}`, share: `% of ${market.base_asset}` };
    const at = price === null ? "at the market" : `at ${price} ${market.quote_asset}`;
    const much = size.of === "share" && side === "Buy" ? `${market.base_asset} for ${size.amount}% of ${market.quote_asset}` : size.amount + unit[size.of];
    return {
      title: `${side} ${much} ${at} in ${market.symbol}`,
      detail: "Enter fills the form. Nothing is sent yet.",
      run: null,
    };
  }

  #alertOf({ market, price }: Extract<Command, { does: "alert" }>): Armed {
    const { exchange, alerts, tell } = this.#parts;
    if (!exchange.config.user) return { title: "Log in to set alerts.", detail: "", run: null };
    const { symbol } = market;
    const wish = wishOf(price, market, exchange.tickers.value.get(symbol)?.last);
    if ("wrong" in wish) return { title: wish.wrong, detail: "", run: null };
    const side = wish.condition === "RisesTo" ? "rises to" : "falls to";
    const said = `${symbol} ${side} ${figures.price(wish.price, market)}`;
    const set = async () => {
      try {
        await alerts.set({ ...wish, market: symbol });
        tell("Alert set", said, "plain", "alert");
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        tell("Alert not set", sentence(Object.values(error.fields)[0] ?? error.message), "bad", "reject");
      }
    };
    return { title: `Alert when ${said}`, detail: "Enter sets it.", run: () => void set() };
  }

  #cancelOf(symbol: string | undefined): Armed {
    const { exchange, portfolio, tell } = this.#parts;
    const open = portfolio.openOrders.filter((order) => !symbol || order.market === symbol);
    const where = symbol ? `in ${symbol}` : "in all markets";
    if (!open.length) return { title: `No open orders ${where}.`, detail: "", run: null };
    const what = open.length === 1 ? "1 open order" : `${open.length} open orders`;
    return {
      title: `Cancel ${what} ${where}`,
      detail: "Enter once more cancels them.",
      run: () => void cancelOpen(exchange, portfolio, tell, symbol ?? null),
    };
  }

  #say({ title, detail }: Armed): void {
    this.#said.replaceChildren(
      ...(title ? [h("strong", { text: title })] : []),
      ...(detail ? [h("span", { text: detail })] : []),
    );
  }

  #drawList(): void {
    this.#list.hidden = !this.#shown.length;
    this.#list.replaceChildren(
      ...this.#shown.map(({ label, kind }, place) =>
        h(
          "li",
          { attrs: { role: "option", id: `palette-${place}`, "data-place": String(place), "aria-selected": String(place === this.#place) } },
          h("span", { text: label }),
          h("i", { text: kind }),
        ),
      ),
    );
    if (this.#shown.length) this.#input.setAttribute("aria-activedescendant", `palette-${this.#place}`);
    else this.#input.removeAttribute("aria-activedescendant");
  }

  #press(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.#shown.length) {
      event.preventDefault();
      this.#place = (this.#place + step + this.#shown.length) % this.#shown.length;
      this.#drawList();
    }
    // Held down it must not confirm what it has just asked about.
    if (event.key !== "Enter" || event.repeat) return;
    event.preventDefault();
    if (this.#command) this.#obey(this.#command);
    else this.#run(this.#place);
  }

  #run(place: number): void {
    const entry = this.#shown[place];
    if (!entry) return;
    this.#dialog.close();
    entry.run();
  }

  /** The first Enter fills in or asks, the second one does it. */
  #obey(command: Command): void {
    if (this.#armed?.run) {
      this.#dialog.close();
      this.#armed.run();
    } else if (command.does === "alert") {
      const { run } = this.#alertOf(command);
      if (!run) return;
      this.#dialog.close();
      run();
    } else if (command.does === "cancel") {
      this.#armed = this.#cancelOf(command.market?.symbol);
      this.#say({ ...this.#armed, detail: this.#armed.run ? "Press Enter again to cancel." : "" });
    } else if (command.does === "order") {
      this.#armed = this.#filled(command);
      this.#say(this.#armed);
    }
  }

  #filled({ order }: Extract<Command, { does: "order" }>): Armed {
    const { exchange, ticket, openMarket, showTicket } = this.#parts;
    if (exchange.market.value !== order.market) openMarket(order.market);
    showTicket();
    fillOrder(ticket, order);
    const { terms, wrong, odd } = exchange.config.user ? ticket.checked() : SIGNED_OUT;
    if (!terms) {
      return { title: wrong.join(" "), detail: "It stands in the form. Esc goes there.", run: null };
    }
    return {
      title: `${describe(terms, order)} in ${order.market.symbol}`,
      detail: `${odd} Press Enter again to send it. Esc leaves it in the form.`.trim(),
      run: () => ticket.send(),
    };
  }
}

function entriesOf(parts: PaletteParts): Entry[] {
  const { exchange, preferences, openMarket, openSettings, showKeys, pages } = parts;
  const change = (part: Partial<Choices>) => () => preferences.change(part);
  const { hot_keys: isOn } = preferences.value;
  const markets = exchange.markets.value.filter(isListed).map((market) => ({
    label: market.symbol,
    kind: "Market",
    run: () => openMarket(market),
  }));
  const setting = (label: string, run: () => void) => ({ label, kind: "Setting", run });
  return [
    ...markets,
    ...pages.map(({ label, href }) => ({ label, kind: "Page", run: () => location.assign(href) })),
    setting("Settings", openSettings),
    setting("Keys", showKeys),
    setting(`Hot keys ${isOn ? "off" : "on"}`, change({ hot_keys: !isOn })),
    ...(["system", "dark", "light"] as const).map((theme) => setting(`Theme ${theme}`, change({ theme }))),
    ...(["comfortable", "compact"] as const).map((density) =>
      setting(`Density ${density}`, change({ density })),
    ),
    ...Object.entries(PRESETS).map(([name, { label }]) =>
      setting(`Layout ${label}`, change({ layout: presetLayout(name as Preset), layout_name: "" })),
    ),
    ...preferences.value.layouts.map(({ name, ...layout }) =>
      setting(`Layout ${name}`, change({ layout, layout_name: name })),
    ),
  ];
}
