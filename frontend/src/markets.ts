/** The overview of markets, kept live; the table is there without it. */

import { find } from "./core/dom.ts";
import type { PageConfig } from "./link/messages.ts";
import { mount as mountConnection } from "./panels/connection.ts";
import { mount as mountOverview } from "./panels/overview.ts";
import { mount as mountStale } from "./panels/stale.ts";
import { keepPulse } from "./state/keep-pulse.ts";
import { openExchange } from "./state/open-exchange.ts";
import { openPreferences } from "./state/open-preferences.ts";

function start(): void {
  const config = JSON.parse(find(document, "#zavora-config").textContent) as PageConfig;
  const page = find(document, "#overview");
  const connection = find(page, "#connection");
  connection.hidden = false;
  const exchange = openExchange(config);
  mountConnection(connection, exchange, () => undefined);
  const told = config.user && find(document, "#zavora-preferences").textContent;
  const preferences = openPreferences(exchange, told);
  mountStale(find(page, "#stale-banner"), page, exchange);
  mountOverview(page, exchange, preferences);
  keepPulse(exchange);
  exchange.socket.connect();
  exchange.keepStarting();
}

start();
