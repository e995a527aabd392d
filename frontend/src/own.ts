/** The pages of one's orders and of one's fills: the trading page's panel of them, by itself. */

import { find } from "./core/dom.ts";
import type { Tell } from "./core/notice.ts";
import type { PageConfig } from "./link/messages.ts";
import { Amending } from "./state/amending.ts";
import { keepPulse } from "./state/keep-pulse.ts";
import { newsOf } from "./state/news.ts";
import { Notices } from "./state/notices.ts";
import { openExchange } from "./state/open-exchange.ts";
import { openPreferences } from "./state/open-preferences.ts";
import { storeOf } from "./state/own-alerts.ts";
import { Portfolio } from "./state/portfolio.ts";
import { mount as mountAccountSelect } from "./panels/account-select.ts";
import { mount as mountActivity } from "./panels/activity.ts";
import { mount as mountAsk } from "./panels/ask.ts";
import { mount as mountConnection } from "./panels/connection.ts";
import { mount as mountStale } from "./panels/stale.ts";
import { mount as mountToasts } from "./panels/toasts.ts";

function start(): void {
  const part = <T extends HTMLElement = HTMLElement>(id: string) => find<T>(document, `#${id}`);
  const config = JSON.parse(part("zavora-config").textContent) as PageConfig;
  const notices = new Notices(storeOf(config, "notices"));
  const tell: Tell = (...said) => notices.add(...said);
  mountToasts(part("toasts"), notices);
  const exchange = openExchange(config);
  mountConnection(part("connection"), exchange, tell);
  mountStale(part("stale-banner"), part("own-activity"), exchange);
  const portfolio = new Portfolio(exchange, newsOf(exchange, tell));
  portfolio.chooseAccount();
  const preferences = openPreferences(exchange, part("zavora-preferences").textContent);
  const amending = new Amending(exchange, portfolio, tell, () => preferences.value.warnings);
  mountAccountSelect(part("own-account"), exchange, portfolio);
  const ask = mountAsk(part<HTMLDialogElement>("ask"));
  mountActivity(part("activity"), exchange, portfolio, tell, amending, ask);
  keepPulse(exchange);
  exchange.socket.connect();
  if (config.accounts.length) portfolio.start();
  exchange.keepStarting();
}

start();
