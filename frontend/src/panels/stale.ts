/** What is not live is marked as such: on the whole desk, and in a line above it. */

import { setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Exchange } from "../state/exchange.ts";

/** `desk` holds all that is fed by the line. */
export function mount(banner: HTMLElement, desk: HTMLElement, exchange: Exchange): void {
  let since = "";
  exchange.connection.watch((state) => {
    const { isStale } = exchange;
    if (isStale && !since) since = format.timeOfDay(new Date().toISOString());
    else if (!isStale) since = "";
    desk.classList.toggle("stale", isStale);
    const what =
      state === "offline" ? "You are offline." : "The connection is lost; trying again.";
    banner.hidden = !isStale;
    setText(
      banner,
      isStale ? `${what} Prices, orders and balances stand still since ${since}.` : "",
    );
  });
}
