/** The bell: how many notices nobody has looked at; what it opens is loaded then. */

import { find, setText } from "../core/dom.ts";
import type { Tell } from "../core/notice.ts";
import type { Alerts } from "../state/alerts.ts";
import type { Exchange } from "../state/exchange.ts";
import type { Notices } from "../state/notices.ts";

export interface BellParts {
  exchange: Exchange;
  notices: Notices;
  alerts: Alerts;
  tell: Tell;
}

/** Opens the notices; with a price the form of an alert there. */
export type OpenBell = (price?: string) => void;

const SHOWN_MAX = 99;

/** Return what opens the bell's panel within `page`, from wherever it is asked for. */
export function mount(button: HTMLElement, page: HTMLElement, parts: BellParts): OpenBell {
  const badge = find(button, ".bell-count");
  parts.notices.unread.watch((unread) => {
    badge.hidden = unread === 0;
    setText(badge, unread > SHOWN_MAX ? `${SHOWN_MAX}+` : String(unread));
    const name = unread ? `Notices and alerts, ${unread} new` : "Notices and alerts";
    button.setAttribute("aria-label", name);
    button.title = name;
  });
  const open: OpenBell = (price) =>
    void import("./bell-panel.ts").then(({ open: show }) => show(page, parts, price));
  button.addEventListener("click", () => open());
  return open;
}
