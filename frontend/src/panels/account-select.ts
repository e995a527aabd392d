/** Which account an order is placed from: one's own, or a shared one; shown where there are several. */

import { find, h } from "../core/dom.ts";
import type { Exchange } from "../state/exchange.ts";
import type { Portfolio } from "../state/portfolio.ts";

export function mount(field: HTMLElement, exchange: Exchange, portfolio: Portfolio): void {
  const { accounts } = exchange.config;
  const select = find<HTMLSelectElement>(field, "select");
  field.hidden = accounts.length < 2;
  for (const account of accounts) {
    const name = account.label || account.id.slice(0, 8);
    const isOwn = account.role === "Owner";
    const text = isOwn ? name : `${name} (${account.role}, of ${account.owner})`;
    const option = h("option", { text });
    option.value = account.id;
    select.append(option);
  }
  select.addEventListener("change", () => (portfolio.accountId.value = select.value));
  portfolio.accountId.watch((id) => id && (select.value = id));
}
