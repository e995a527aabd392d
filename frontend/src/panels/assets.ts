/** The short list of assets under the order form: the market's two first. */

import { read } from "../core/decimal.ts";
import { eachFrame, find, h, setText, syncList } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Balance, Market } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import { heldFirst, type Portfolio } from "../state/portfolio.ts";

export function mount(element: HTMLElement, exchange: Exchange, portfolio: Portfolio): void {
  const list = find(element, "dl");
  const render = eachFrame(() => {
    const market = exchange.market.value;
    if (!market) return;
    syncList(
      list,
      shownIn(market, portfolio.balances),
      (balance) => balance.asset,
      (balance) => h("div", {}, h("dt", { text: balance.asset }), h("dd", { class: "num" })),
      (row, balance) => setText(row.lastElementChild!, format.balance(balance.total)),
    );
  });
  element.hidden = exchange.config.user === null;
  portfolio.changed.watch(render);
  exchange.market.watch(render);
}

function shownIn(market: Market, balances: readonly Balance[]): Balance[] {
  const rank = ({ asset }: Balance) =>
    asset === market.base_asset ? 0 : asset === market.quote_asset ? 1 : 2;
  return heldFirst(balances)
    .filter((balance) => rank(balance) < 2 || read(balance.total) > 0n)
    .sort((a, b) => rank(a) - rank(b));
}
