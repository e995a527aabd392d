/** Recent trades of the selected market, newest first. */

import { byId, eachFrame, h, setText, syncList } from "../core/dom.ts";
import type { Exchange } from "../state/exchange.ts";
import * as format from "../core/format.ts";
import { marketPath } from "../link/rest.ts";
import type { Subscription } from "../link/socket.ts";
import type { PublicTrade } from "../link/types.ts";

const TRADES_MAX = 60;

export function initTape(exchange: Exchange): void {
  let trades: PublicTrade[] = [];
  let isLoaded = false;
  let subscription: Subscription | null = null;

  const render = eachFrame(() => {
    const market = exchange.market.value ?? undefined;
    const make = (trade: PublicTrade) =>
      h(
        "div",
        { class: `tape-row ${trade.taker_side.toLowerCase()}`, attrs: { role: "listitem" } },
        h("span", { class: "num price", text: format.price(trade.price, market) }),
        h("span", { class: "num", text: format.quantity(trade.quantity, market) }),
        h("span", { class: "num time", text: format.timeOfDay(trade.timestamp) }),
      );
    syncList(
      byId("tape"),
      trades,
      (trade) => trade.id,
      make,
      () => undefined,
    );
    byId("tape-empty").hidden = !isLoaded || trades.length > 0;
    const newest = trades[0];
    const last = byId("book-last");
    setText(last, format.price(newest?.price, market));
    const trend = newest ? { buy: "up", sell: "down" }[newest.taker_side] : "";
    last.className = `spread-last num ${trend}`;
  });

  const add = (incoming: PublicTrade[]) => {
    const known = new Set(trades.map((trade) => trade.id));
    trades.push(...incoming.filter((trade) => !known.has(trade.id)));
    trades.sort(newestFirst);
    trades.length = Math.min(trades.length, TRADES_MAX);
    render();
  };

  exchange.market.watch((market) => {
    if (!market) return;
    subscription?.close();
    trades = [];
    isLoaded = false;
    byId("tape").replaceChildren();
    const load = async () => {
      const path = `/markets/${marketPath(market.symbol)}/trades?limit=${TRADES_MAX}`;
      const page = await exchange.rest.get<{ trades: PublicTrade[] }>(path);
      if (exchange.market.value !== market) return;
      isLoaded = true;
      add(page.trades);
    };
    subscription = exchange.socket.subscribe(
      { channel: "trades", market: market.symbol },
      (push) => {
        const list = (Array.isArray(push.data) ? push.data : [push.data]) as PublicTrade[];
        if (list[0]?.market === market.symbol) add(list);
      },
      () => void load().catch((error: unknown) => console.warn("no trades", error)),
    );
    render();
  });
}

/** By time, then by id: ids are the market's gapless trade sequence, as text. */
function newestFirst(a: PublicTrade, b: PublicTrade): number {
  if (a.timestamp !== b.timestamp) return a.timestamp < b.timestamp ? 1 : -1;
  return b.id.length - a.id.length || (a.id < b.id ? 1 : -1);
}
