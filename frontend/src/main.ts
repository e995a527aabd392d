/** The trading page: the state all of it shares, and the list of its panels. */

import { findAll } from "./core/dom.ts";
import type { PageConfig } from "./link/messages.ts";
import { Rest } from "./link/rest.ts";
import { Pulse } from "./link/pulse.ts";
import { Socket } from "./link/socket.ts";
import type { Preferences as Kept } from "./link/types.ts";
import { Amending } from "./state/amending.ts";
import { cancelOpen } from "./state/cancelling.ts";
import { Exchange } from "./state/exchange.ts";
import { isShown, type Panel, withPanel } from "./state/layouts.ts";
import { LiveBook } from "./state/live-book.ts";
import { newsOf } from "./state/news.ts";
import { Portfolio } from "./state/portfolio.ts";
import { keeperOf, Preferences } from "./state/preferences.ts";
import { Trades } from "./state/trades.ts";
import { mount as mountActivity } from "./panels/activity.ts";
import { mount as mountAsk } from "./panels/ask.ts";
import { mount as mountAssets } from "./panels/assets.ts";
import { mount as mountBook } from "./panels/book.ts";
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
import { mount as mountTicket } from "./panels/ticket.ts";
import { mount as mountTitle } from "./panels/title.ts";
import { mount as mountToasts } from "./panels/toasts.ts";
import { mount as mountViews } from "./panels/views.ts";
import { mount as mountWelcome } from "./panels/welcome.ts";

const RETRY_MS = 3_000;
const TICK_MS = 50;

/** The element with this id, which the template promises. */
function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the template has no #${id}`);
  return element as T;
}

/** The socket of the page's own origin; a user's says first whose it is. */
function openSocket(config: PageConfig): { socket: Socket; exchange: Exchange } {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const authenticate = config.user
    ? async (socket: Socket) => void (await socket.request("authenticate", {}))
    : null;
  const socket: Socket = new Socket(
    `${scheme}://${location.host}/ws`,
    (state) => (exchange.connection.value = state),
    authenticate,
  );
  const exchange = new Exchange(config, new Rest(config.csrf_cookie), socket);
  return { socket, exchange };
}

/** Have the line prove what the page shows, as often as somebody may look at it. */
function keepPulse(socket: Socket, exchange: Exchange): void {
  const symbolOf = () => exchange.market.value?.symbol ?? null;
  const pulse = new Pulse(socket, symbolOf, (beat) => exchange.freshness.take(beat));
  window.setInterval(() => pulse.tick(document.hidden), TICK_MS);
  document.addEventListener("visibilitychange", () => pulse.tick(document.hidden));
}

/** What was chosen of the page, kept with the account where there is one. */
function preferencesOf(config: PageConfig, rest: Rest): Preferences {
  const told = config.user && byId("zavora-preferences").textContent;
  const kept = told ? (JSON.parse(told) as Kept) : null;
  const preferences = new Preferences(kept, config.user ? keeperOf(rest) : null);
  // What is not kept yet goes before the page does; what another browser kept comes with a look.
  addEventListener("pagehide", () => void preferences.send());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void preferences.pull();
  });
  return preferences;
}

/** Show a panel where the layout hides it. */
function showPanel(preferences: Preferences, panel: Panel): void {
  const { layout } = preferences.value;
  if (!isShown(layout, panel)) preferences.change({ layout: withPanel(layout, panel, true) });
}

/** Load the markets, and try again until they have come. */
function load(exchange: Exchange): void {
  exchange.start().catch((error: unknown) => {
    console.warn("the markets could not be loaded", error);
    window.setTimeout(() => load(exchange), RETRY_MS);
  });
}

function start(): void {
  const config = JSON.parse(byId("zavora-config").textContent) as PageConfig;
  const tell = mountToasts(byId("toasts"));
  const { socket, exchange } = openSocket(config);
  mountConnection(byId("connection"), exchange, tell);
  const portfolio = new Portfolio(exchange, newsOf(exchange, tell));
  portfolio.chooseAccount();
  const preferences = preferencesOf(config, exchange.rest);
  // One for rows and chart: of one order one thing at a time is on its way.
  const amending = new Amending(exchange, portfolio, tell, () => preferences.value.warnings);
  const trades = new Trades(exchange);
  const book = new LiveBook(exchange);

  const page = byId("trade");
  mountLook(document.documentElement, preferences);
  mountThemeToggle(byId("theme-toggle"), (theme) => preferences.change({ theme }));
  const openSettings = mountSettings(byId("settings-open"), page, preferences);
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
  const fillTicket = (price: string, quantity?: string) => {
    ticket.fill(price, quantity);
    showTicket();
  };
  mountBook(byId("book-panel"), exchange, portfolio, book, trades, fillTicket);
  mountShortcuts(byId("palette-open"), document.body, {
    ...{ exchange, portfolio, preferences, ticket, tell, showTicket, openSettings, searchMarkets },
    openMarket: (market) => {
      showMarket(exchange, market);
      showView("trade");
    },
    showKeys: () => showKeys(document.body, preferences),
    cancelHere: () => void cancelOpen(exchange, portfolio, tell, exchange.market.value?.symbol ?? null),
  });
  mountAssets(byId("assets"), exchange, portfolio);
  mountActivity(byId("activity"), exchange, portfolio, tell, amending, mountAsk(byId("ask")));
  mountChart(byId("chart-panel"), exchange, portfolio, book, amending, ticket, fillTicket);
  if (config.user) {
    mountProtection(byId("quotes-dialog"), byId("quotes-open"), exchange, portfolio);
    mountSwitch(byId("switch"), exchange, portfolio, tell);
  }
  if (config.faucet) {
    mountWelcome(byId("welcome"), exchange, portfolio, book, preferences, ticket, showTicket);
  }
  if (config.faucet && config.user) {
    const openers = findAll(document, "[data-faucet]");
    mountFaucet(byId("faucet"), openers, exchange, portfolio, tell);
  }

  keepPulse(socket, exchange);
  socket.connect();
  if (config.user && config.accounts.length) portfolio.start();
  load(exchange);
}

start();
