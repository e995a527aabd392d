/** The pages of one's orders and of one's fills: the trading page's panel of them, by itself. */

import { find } from "./core/dom.ts";
import type { Tell } from "./core/notice.ts";
import type { PageConfig } from "./link/messages.ts";
import { openSocket } from "./link/page-socket.ts";
import { Rest } from "./link/rest.ts";
import { Amending } from "./state/amending.ts";
import { Exchange } from "./state/exchange.ts";
import { newsOf } from "./state/news.ts";
import { Notices } from "./state/notices.ts";
import { storeOf } from "./state/own-alerts.ts";
import { Portfolio } from "./state/portfolio.ts";
import { mount as mountAccountSelect } from "./panels/account-select.ts";
import { mount as mountActivity } from "./panels/activity.ts";
import { mount as mountAsk } from "./panels/ask.ts";
import { mount as mountConnection } from "./panels/connection.ts";
import { mount as mountToasts } from "./panels/toasts.ts";

function start(): void {
  const part = <T extends HTMLElement = HTMLElement>(id: string) => find<T>(document, `#${id}`);
  const config = JSON.parse(part("zavora-config").textContent) as PageConfig;
  const notices = new Notices(storeOf(config, "notices"));
  const tell: Tell = (...said) => notices.add(...said);
  mountToasts(part("toasts"), notices);
  const showConnection = mountConnection(part("connection"), tell);
  const socket = openSocket(config, (state, latencyMs) => {
    showConnection(state, latencyMs);
    exchange.connection.value = state;
  });
  const exchange = new Exchange(config, new Rest(config.csrf_cookie), socket);
  const portfolio = new Portfolio(exchange, newsOf(exchange, tell));
  portfolio.chooseAccount();
  const amending = new Amending(exchange, portfolio, tell);
  mountAccountSelect(part("own-account"), exchange, portfolio);
  const ask = mountAsk(part<HTMLDialogElement>("ask"));
  mountActivity(part("activity"), exchange, portfolio, tell, amending, ask);
  socket.connect();
  if (config.accounts.length) portfolio.start();
  exchange.keepStarting();
}

start();
