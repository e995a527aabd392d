/** What the clock will make of a market, in words. */

import * as format from "../core/format.ts";
import type { Market } from "../link/types.ts";

/** Whether a market is offered: one that has ended can be looked at, and is not to be picked. */
export function isListed(market: Market): boolean {
  return market.state !== "Delisted";
}

/** What is to come, for people to whom a market is not simply open; empty: nothing worth saying. */
export function whenOf(market: Market): string {
  const said: string[] = [];
  const next = market.next_phase;
  if (next && next.state !== "Delisted" && market.state !== "Continuous") {
    said.push(`${format.words(next.state)} from ${format.dayTime(next.at)}`);
  }
  if (market.delists_at && isListed(market)) {
    said.push(`Ends for good on ${format.dayTime(market.delists_at)}`);
  }
  return said.join(". ");
}
