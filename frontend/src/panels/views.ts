/** The views of a narrow screen, one at a time, chosen at its bottom. */

import { choiceGroup, find } from "../core/dom.ts";

export type View = "markets" | "trade" | "orders" | "wallet";

/** The part of the orders that a view begins with; the other one has no place in it. */
const TABS: Partial<Record<View, [other: string, first: string]>> = {
  orders: ["#tab-balances", "#tab-open"],
  wallet: ["", "#tab-balances"],
};

/** `page` holds the views; returns what shows one, where there are views at all. */
export function mount(tabs: HTMLElement, page: HTMLElement): (view: View) => boolean {
  const show = (view: View): boolean => {
    if (page.dataset["view"] !== view) {
      page.dataset["view"] = view;
      find(page, "#content").scrollTop = 0;
      const [other, first] = TABS[view] ?? [];
      const isElsewhere = other === "" || (other && isChosen(find(page, other)));
      if (first && isElsewhere) find(page, first).click();
    }
    select(view);
    // Where the views cannot be chosen all of them are on show.
    return tabs.offsetParent !== null;
  };
  const select = choiceGroup(tabs, (view) => void show(view as View));
  select("trade");
  return show;
}

function isChosen(tab: HTMLElement): boolean {
  return tab.getAttribute("aria-selected") === "true";
}
