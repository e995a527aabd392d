/** The trading page: wires the parts together. */

import { Activity } from "./panels/activity.ts";
import { BookPanel } from "./panels/book.ts";
import { Chart } from "./panels/chart.ts";
import { readConfig, recall, remember } from "./core/memory.ts";
import { byId, choiceGroup, setText } from "./core/dom.ts";
import { Exchange } from "./state/exchange.ts";
import { initFaucet } from "./panels/faucet.ts";
import * as format from "./core/format.ts";
import { initHeadline } from "./panels/headline.ts";
import { initMarketList } from "./panels/markets.ts";
import { newsOf } from "./state/news.ts";
import { Portfolio } from "./state/portfolio.ts";
import { Rest } from "./link/rest.ts";
import { type ConnectionState, Socket } from "./link/socket.ts";
import { initTape } from "./panels/tape.ts";
import { initThemeToggle } from "./panels/theme-toggle.ts";
import { initPlaceholders, Ticket } from "./panels/ticket.ts";
import { toast } from "./panels/toasts.ts";

const CONNECTION_TEXT: Record<ConnectionState, string> = {
  connecting: "Connecting",
  live: "Live",
  waiting: "Reconnecting",
  offline: "Offline",
};
const RETRY_MS = 3_000;

let hadTrouble = false;

/** What is not live is marked as such, on the whole desk and in a line above it. */
function markStale(exchange: Exchange): void {
  let since = "";
  exchange.connection.watch(() => {
    const { isStale } = exchange;
    if (isStale && !since) since = format.timeOfDay(new Date().toISOString());
    else if (!isStale) since = "";
    byId("trade").classList.toggle("stale", isStale);
    const isOffline = exchange.connection.value === "offline";
    const what = isOffline ? "You are offline." : "The connection is lost; trying again.";
    byId("stale-banner").hidden = !isStale;
    setText(
      byId("stale-banner"),
      isStale ? `${what} Prices, orders and balances stand still since ${since}.` : "",
    );
  });
}

function showConnection(state: ConnectionState, latencyMs: number | null): void {
  byId("connection").dataset["state"] = state;
  const latency = latencyMs === null ? "" : ` · ${latencyMs} ms`;
  // The latency changes all the time and is not read out.
  byId("connection").setAttribute("aria-label", CONNECTION_TEXT[state]);
  setText(byId("connection-text"), CONNECTION_TEXT[state] + latency);
  if (state === "waiting" || state === "offline") hadTrouble = true;
  else if (state === "live" && hadTrouble) {
    hadTrouble = false;
    toast("Connected again", "", "good");
  }
}

/** The views of a narrow screen, one at a time; returns what shows one. */
function initViews(): (view: string) => void {
  const root = byId("trade");
  const show = (view: string) => {
    root.dataset["view"] = view;
    select(view);
    scrollTo(0, 0);
  };
  const select = choiceGroup(byId("views"), show);
  select("chart");
  return show;
}

/** Take the account chosen last, if it is still one of the user's. */
function chooseAccount(portfolio: Portfolio, exchange: Exchange): void {
  const ids = exchange.config.accounts.map((account) => account.id);
  const last = recall("account");
  portfolio.accountId.value = (last && ids.includes(last) ? last : ids[0]) ?? null;
  portfolio.accountId.watch((id) => id && remember("account", id));
}

function start(): void {
  const config = readConfig();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const authenticate = config.user
    ? async (socket: Socket) => void (await socket.request("authenticate", {}))
    : null;
  const onState = (state: ConnectionState, latencyMs: number | null) => {
    showConnection(state, latencyMs);
    exchange.connection.value = state;
  };
  const socket = new Socket(`${scheme}://${location.host}/ws`, onState, authenticate);
  const exchange = new Exchange(config, new Rest(config.csrf_cookie), socket);
  const portfolio = new Portfolio(exchange, newsOf(exchange));
  chooseAccount(portfolio, exchange);

  initThemeToggle();
  const showView = initViews();
  markStale(exchange);
  initMarketList(exchange);
  initHeadline(exchange);
  initTape(exchange);
  const panel = new BookPanel(
    exchange,
    portfolio,
    (price) => {
      ticket.setPrice(price);
      // On a narrow screen the form is another view; on a wide one this shows nothing new.
      showView("ticket");
    },
    () => ticket.refresh(),
  );
  const ticket = new Ticket(exchange, portfolio, panel.book);
  initPlaceholders(exchange);
  new Activity(exchange, portfolio);
  new Chart(exchange, portfolio);
  initFaucet(exchange, portfolio);

  socket.connect();
  if (config.user && config.accounts.length) portfolio.start();
  const load = () =>
    exchange.start().catch((error: unknown) => {
      console.warn("the markets could not be loaded", error);
      window.setTimeout(load, RETRY_MS);
    });
  void load();
}

start();
