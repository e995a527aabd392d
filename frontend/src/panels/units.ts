/** The assets' names beside figures: in the order form and above the columns of book and tape. */

import { findAll, setText } from "../core/dom.ts";
import type { Exchange } from "../state/exchange.ts";

/** Name the selected market's assets in all units that the element holds. */
export function showUnits(element: HTMLElement, exchange: Exchange): void {
  const units = findAll(element, ".unit");
  exchange.market.watch((market) => {
    if (!market) return;
    for (const unit of units) {
      const isBase = unit.dataset["unit"] === "base";
      setText(unit, isBase ? market.base_asset : market.quote_asset);
    }
  });
}
