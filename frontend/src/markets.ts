/** The overview of markets, kept live; the table is there without it. */

import { find } from "./core/dom.ts";
import type { PageConfig } from "./link/messages.ts";
import { Rest } from "./link/rest.ts";
import { Socket } from "./link/socket.ts";
import type { Preferences as Kept } from "./link/types.ts";
import { mount as mountConnection } from "./panels/connection.ts";
import { mount as mountOverview } from "./panels/overview.ts";
import { mount as mountStale } from "./panels/stale.ts";
import { Exchange } from "./state/exchange.ts";
import { keeperOf, Preferences } from "./state/preferences.ts";

function start(): void {
  const config = JSON.parse(find(document, "#zavora-config").textContent) as PageConfig;
  const page = find(document, "#overview");
  const connection = find(page, "#connection");
  connection.hidden = false;
  const showConnection = mountConnection(connection, () => undefined);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new Socket(`${scheme}://${location.host}/ws`, (state, latencyMs) => {
    showConnection(state, latencyMs);
    exchange.connection.value = state;
  }, null);
  const exchange = new Exchange(config, new Rest(config.csrf_cookie), socket);
  const told = config.user && find(document, "#zavora-preferences").textContent;
  const kept = told ? (JSON.parse(told) as Kept) : null;
  const preferences = new Preferences(kept, config.user ? keeperOf(exchange.rest) : null);
  addEventListener("pagehide", () => void preferences.send());
  mountStale(find(page, "#stale-banner"), page, exchange);
  mountOverview(page, exchange, preferences);
  socket.connect();
  exchange.keepStarting();
}

start();
