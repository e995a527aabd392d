/** Keys that work wherever one is on the page; what they open is loaded then. */

import type { Tell } from "../core/notice.ts";
import { type HotKey, HotKeys, shareOf, touchOf } from "../state/hot-keys.ts";
import type { Preferences } from "../state/preferences.ts";
import type { PaletteParts } from "./palette.ts";
import type { TicketLink } from "./ticket.ts";

export interface ShortcutParts extends PaletteParts {
  searchMarkets: () => void;
  cancelHere: () => void;
}

/** `page` is all of it, its dialogs as well; `button` opens the palette, too. */
export function mount(button: HTMLElement, page: HTMLElement, parts: ShortcutParts): void {
  const openPalette = () => void import("./palette.ts").then(({ open }) => open(page, parts));
  const hotKeys = new HotKeys();
  button.addEventListener("click", openPalette);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    const isAsked = page.querySelector("dialog[open]") !== null;
    const isBusy = isAsked || event.defaultPrevented || isTyping(event.target);
    if (event.key === "?" && !isBusy) {
      event.preventDefault();
      showKeys(page, parts.preferences);
      return;
    }
    if (!parts.preferences.value.hot_keys) return;
    const { key, ctrlKey, metaKey, altKey } = event;
    const hotKey = hotKeys.read({ key, ctrlKey, metaKey, altKey, isBusy, at: event.timeStamp });
    if (!hotKey) return;
    if (hotKey === "armed") return tellArmed(parts);
    event.preventDefault();
    press(hotKey, key, parts);
  });
}

export function showKeys(page: HTMLElement, preferences: Preferences): void {
  void import("./key-list.ts").then(({ open }) => open(page, preferences));
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, select, textarea, [contenteditable]");
}

function tellArmed({ exchange, portfolio, tell }: { tell: Tell } & PaletteParts): void {
  const symbol = exchange.market.value?.symbol;
  const isAny = portfolio.openOrders.some((order) => order.market === symbol);
  if (isAny) tell("Press Esc again", `It cancels all open orders in ${symbol}.`);
}

function press(hotKey: HotKey, key: string, parts: ShortcutParts): void {
  const { ticket } = parts;
  const acts: Record<HotKey, () => void> = {
    buy: () => chooseSide(ticket, "Buy"),
    sell: () => chooseSide(ticket, "Sell"),
    limit: () => ticket.choose({ group: "Limit" }),
    market: () => ticket.choose({ group: "Market" }),
    price: () => ticket.focus("price"),
    quantity: () => ticket.focus("quantity"),
    share: () => ticket.takeShare(shareOf(key)),
    touch: () => ticket.takeTouch(touchOf(key)),
    search: parts.searchMarkets,
    cancel: parts.cancelHere,
  };
  parts.showTicket();
  acts[hotKey]();
}

function chooseSide(ticket: TicketLink, side: "Buy" | "Sell"): void {
  ticket.choose({ side });
}
