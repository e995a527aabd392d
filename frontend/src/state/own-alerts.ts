/** The signed-in user's alerts, followed; and where this browser keeps what is theirs alone. */

import type { Tell } from "../core/notice.ts";
import { recall, remember } from "../core/memory.ts";
import type { PageConfig } from "../link/messages.ts";
import type { Alert } from "../link/types.ts";
import { Alerts, saidOf } from "./alerts.ts";
import type { Exchange } from "./exchange.ts";
import * as figures from "./figures.ts";
import type { Store } from "./notices.ts";

/** What this browser keeps of whoever is signed in, and of nobody else. */
export function storeOf(config: PageConfig, name: string): Store {
  const key = `${name}.${config.accounts[0]?.id ?? "visitor"}`;
  return { read: () => recall(key), write: (text) => remember(key, text) };
}

/** Every (re)subscription reads all of them, so that none is missed; `tell` is told of each once. */
export function alertsOf(exchange: Exchange, tell: Tell): Alerts {
  const store = storeOf(exchange.config, "alerts-seen");
  const alerts = new Alerts({
    rest: exchange.rest,
    tell: (alert) => {
      const show = (text: string) => figures.price(text, exchange.marketOf(alert.market));
      const at = alert.told_price ? `It traded at ${show(alert.told_price)}` : "";
      tell(saidOf(alert, show), [at, alert.note].filter(Boolean).join(". "), "good", "alert");
    },
    recall: store.read,
    remember: store.write,
  });
  if (!exchange.config.user) return alerts;
  exchange.socket.subscribe(
    { channel: "alerts" },
    ({ data }) => alerts.take(data as Alert),
    () => void alerts.load(),
    () => void alerts.load(),
  );
  // Those that were set or removed in another tab.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void alerts.load();
  });
  return alerts;
}
