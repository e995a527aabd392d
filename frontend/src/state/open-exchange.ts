/** The exchange at the other end of the page's own origin; a user's line says first whose it is. */

import type { PageConfig } from "../link/messages.ts";
import { Rest } from "../link/rest.ts";
import { Socket } from "../link/socket.ts";
import { Exchange } from "./exchange.ts";

export function openExchange(config: PageConfig): Exchange {
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
  return exchange;
}
