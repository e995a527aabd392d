/** The views of a narrow screen, one at a time. */

import { choiceGroup } from "../core/dom.ts";

/** `page` holds the views; returns what shows one. */
export function mount(tabs: HTMLElement, page: HTMLElement): (view: string) => void {
  const show = (view: string) => {
    page.dataset["view"] = view;
    select(view);
    scrollTo(0, 0);
  };
  const select = choiceGroup(tabs, show);
  select("chart");
  return show;
}
