/** The trading page: the state all of it shares, and the list of its panels. */

import { findAll } from "./core/dom.ts";
import type { Tell } from "./core/notice.ts";
import type { PageConfig } from "./link/messages.ts";
import { Amending } from "./state/amending.ts";
import { cancelOpen } from "./state/cancelling.ts";
import { Exchange } from "./state/exchange.ts";
import { keepPulse } from "./state/keep-pulse.ts";
import { isShown, type Panel, withPanel } from "./state/layouts.ts";
import { LiveBook } from "./state/live-book.ts";
import { newsOf } from "./state/news.ts";
import { Notices } from "./state/notices.ts";
import { openExchange } from "./state/open-exchange.ts";
import { openPreferences } from "./state/open-preferences.ts";
import { alertsOf, storeOf } from "./state/own-alerts.ts";
import { Portfolio } from "./state/portfolio.ts";
import type { Preferences } from "./state/preferences.ts";
import { Trades } from "./state/trades.ts";
import { announce } from "./panels/announce.ts";
import { mount as mountActivity } from "./panels/activity.ts";
import { mount as mountAsk } from "./panels/ask.ts";
import { mount as mountAssets } from "./panels/assets.ts";
import { mount as mountBook } from "./panels/book.ts";
import { mount as mountBell } from "./panels/bell.ts";
import { mount as mountAuction } from "./panels/auction.ts";
import { mount as mountChart } from "./panels/chart.ts";
import { mount as mountConnection } from "./panels/connection.ts";
import { mount as mountFaucet } from "./panels/faucet.ts";
import { mount as mountHeadline } from "./panels/headline.ts";
import { mount as mountLook } from "./panels/look.ts";
import { mount as mountMarkets, showMarket } from "./panels/markets.ts";
import { mount as mountProtection } from "./panels/protection.ts";
import { mount as mountSettings } from "./panels/settings-button.ts";
import { mount as mountShortcuts, showKeys } from "./panels/shortcuts.ts";
import { mount as mountSplitBars } from "./panels/split-bars.ts";
import { mount as mountStale } from "./panels/stale.ts";
import { mount as mountSwitch } from "./panels/switch.ts";
import { mount as mountTape } from "./panels/tape.ts";
import { mount as mountThemeToggle } from "./panels/theme-toggle.ts";
import { mount as mountTicket, type TicketLink } from "./panels/ticket.ts";
import { mount as mountTitle } from "./panels/title.ts";
import { mount as mountToasts } from "./panels/toasts.ts";
import { mount as mountViews } from "./panels/views.ts";
import { mount as mountWelcome } from "./panels/welcome.ts";

/** The element with this id, which the template promises. */
function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the template has no #${id}`);
  return element as T;
}

/** Show a panel where the layout hides it. */
function showPanel(preferences: Preferences, panel: Panel): void {
  const { layout } = preferences.value;
  if (!isShown(layout, panel)) preferences.change({ layout: withPanel(layout, panel, true) });
}

/** Where the menu leads, which every page has. */
function pagesOfMenu(): { label: string; href: string }[] {
  const links = findAll<HTMLAnchorElement>(document, "#menu nav a");
  return links.map(({ textContent, href }) => ({ label: textContent.trim(), href }));
}

/** What fills the form by a price of the page, and shows it. */
function filling(ticket: TicketLink, show: () => void): (price: string, quantity?: string) => void {
  return (price, quantity) => {
    ticket.fill(price, quantity);
    show();
  };
}

/** Notices are kept, shown, heard and told of by the system, each as it was chosen. */
function mountNotices(notices: Notices, preferences: Preferences): void {
  mountToasts(byId("toasts"), notices);
  announce(notices, preferences);
  // Who logs out leaves nothing of them to who sits here next.
  document.querySelector('form[action="/logout"]')?.addEventListener("submit", () => notices.clear());
}

function mountFunds(exchange: Exchange, portfolio: Portfolio, tell: Tell): void {
  mountFaucet(byId("faucet"), findAll(document, "[data-faucet]"), exchange, portfolio, tell);
}

function start(): void {
  const config = JSON.parse(byId("zavora-config").textContent) as PageConfig;
  const notices = new Notices(storeOf(config, "notices"));
  const tell: Tell = (...said) => notices.add(...said);
  const exchange = openExchange(config);
  mountConnection(byId("connection"), exchange, tell);
  const portfolio = new Portfolio(exchange, newsOf(exchange, tell));
  portfolio.chooseAccount();
  const preferences = openPreferences(exchange, config.user && byId("zavora-preferences").textContent);
  mountNotices(notices, preferences);
  const alerts = alertsOf(exchange, tell);
  // One for rows and chart: of one order one thing at a time is on its way.
  const amending = new Amending(exchange, portfolio, tell, () => preferences.value.warnings);
  const trades = new Trades(exchange);
  const book = new LiveBook(exchange);

  const page = byId("trade");
  mountLook(document.documentElement, preferences);
  mountThemeToggle(byId("theme-toggle"), (theme) => preferences.change({ theme }));
  const openSettings = mountSettings(byId("settings-open"), page, preferences);
  const openBell = mountBell(byId("bell-open"), page, { exchange, notices, alerts, tell });
  mountSplitBars(byId("content"), preferences);
  const showView = mountViews(byId("views"), page);
  mountAuction(byId("auction-banner"), exchange);
  mountStale(byId("stale-banner"), page, exchange);
  const searchMarkets = mountMarkets(byId("markets"), byId("market-button"), exchange, preferences, {
    onChoose: () => showView("trade"),
    showView: () => showView("markets"),
  });
  mountTitle(byId("page-title"), exchange);
  mountHeadline(byId("top"), exchange);
  mountTape(byId("tape-panel"), exchange, trades);
  const ticket = mountTicket(byId("ticket"), exchange, portfolio, book, preferences);
  const showTicket = () => {
    showView("trade");
    showPanel(preferences, "ticket");
  };
  const fillTicket = filling(ticket, showTicket);
  mountBook(byId("book-panel"), exchange, portfolio, book, trades, fillTicket);
  mountShortcuts(byId("palette-open"), document.body, {
    ...{ exchange, portfolio, preferences, ticket, tell, alerts, showTicket, openSettings, searchMarkets },
    openMarket: (market) => {
      showMarket(exchange, market);
      showView("trade");
    },
    showKeys: () => showKeys(document.body, preferences),
    pages: pagesOfMenu(),
    cancelHere: () => void cancelOpen(exchange, portfolio, tell, exchange.market.value?.symbol ?? null),
  });
  mountAssets(byId("assets"), exchange, portfolio);
  mountActivity(byId("activity"), exchange, portfolio, tell, amending, mountAsk(byId("ask")));
  const alertLink = { alerts, open: openBell };
  mountChart(byId("chart-panel"), exchange, portfolio, book, amending, ticket, fillTicket, alertLink);
  if (config.user) {
    mountProtection(byId("quotes-dialog"), byId("quotes-open"), exchange, portfolio);
    mountSwitch(byId("switch"), exchange, portfolio, tell);
  }
  if (config.faucet) {
    mountWelcome(byId("welcome"), exchange, portfolio, book, preferences, ticket, showTicket);
  }
  if (config.faucet && config.user) mountFunds(exchange, portfolio, tell);

  keepPulse(exchange);
  exchange.socket.connect();
  if (config.user && config.accounts.length) portfolio.start();
  exchange.keepStarting();
}

start();
