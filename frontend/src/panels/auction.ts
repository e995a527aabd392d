/** A line over the desk while the market holds an auction: how it would end now, and when it does. */

import { read } from "../core/decimal.ts";
import { setText } from "../core/dom.ts";
import type { Auction, Market } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";

const SECOND_MS = 1000;

export function mount(banner: HTMLElement, exchange: Exchange): void {
  const render = () => {
    const market = exchange.market.value;
    const isHeld = market?.state === "Auction";
    banner.hidden = !isHeld;
    if (!market || !isHeld) return;
    const ticker = exchange.tickers.value.get(market.symbol);
    setText(banner, textOf(ticker?.auction ?? market.auction, market));
  };
  exchange.market.watch(render);
  exchange.markets.watch(render);
  exchange.tickers.watch(render);
  window.setInterval(render, SECOND_MS);
}

function textOf(auction: Auction | null, market: Market): string {
  if (!auction) return "Auction: orders gather, and trade at one price when it ends.";
  const ends = auction.ends_at ? ` Ends in ${untilText(auction.ends_at)}.` : "";
  if (auction.price === null) return `Auction: nothing would trade yet.${ends}`;
  const [quantity, price] = [
    figures.quantity(auction.quantity, market),
    figures.price(auction.price, market),
  ];
  const trades = `${quantity} ${market.base_asset} would trade at ${price} ${market.quote_asset}`;
  return `Auction: ${trades}${surplusText(auction.surplus, market)}.${ends}`;
}

function surplusText(surplus: string, market: Market): string {
  const left = read(surplus);
  if (left === 0n) return "";
  const quantity = figures.showQuantity(left > 0n ? left : -left, market);
  return `, ${quantity} more ${left > 0n ? "wanted" : "offered"}`;
}

function untilText(moment: string): string {
  const left = Math.max(0, Math.ceil((Date.parse(moment) - Date.now()) / SECOND_MS));
  const [minutes, seconds] = [Math.floor(left / 60), left % 60];
  return `${minutes}:${String(seconds).padStart(2, "0")}`;
}
