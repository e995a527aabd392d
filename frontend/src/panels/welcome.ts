/** The first steps in a sandbox: what it is, play money, a first order. Shown until it is closed. */

import { read, write } from "../core/decimal.ts";
import { find } from "../core/dom.ts";
import type { Exchange } from "../state/exchange.ts";
import type { LiveBook } from "../state/live-book.ts";
import type { Portfolio } from "../state/portfolio.ts";
import type { Preferences } from "../state/preferences.ts";
import type { TicketLink } from "./ticket.ts";
import { fillOrder } from "./ticket-order.ts";

/** The first order is for so much of what there is. */
const SHARE_PERCENT = "10";

export function mount(
  element: HTMLElement,
  exchange: Exchange,
  portfolio: Portfolio,
  live: LiveBook,
  preferences: Preferences,
  ticket: TicketLink,
  showTicket: () => void,
): void {
  find(element, "#welcome-close").addEventListener("click", () =>
    preferences.change({ is_introduced: true }),
  );
  const mark = (step: string, isDone: boolean) =>
    find(element, `[data-step="${step}"]`).classList.toggle("done", isDone);
  mark("account", exchange.config.user !== null);
  portfolio.changed.watch(() => {
    const hasTraded = portfolio.openOrders.length > 0 || portfolio.closedOrders.length > 0;
    mark("funds", hasTraded || portfolio.balances.some(({ total }) => read(total) > 0n));
    mark("order", hasTraded);
  });
  find(element, "#first-order").addEventListener("click", () => {
    const market = exchange.market.value;
    if (!market) return;
    showTicket();
    const bid = live.book.bids[0]?.price ?? read(exchange.tickers.value.get(market.symbol)?.last);
    const price = bid > 0n ? write(bid) : null;
    const size = { of: "share", amount: SHARE_PERCENT } as const;
    fillOrder(ticket, { side: "Buy", market, size, price, time: "GTC", isPostOnly: false });
    ticket.focus(price === null ? "total" : "quantity");
  });
}
