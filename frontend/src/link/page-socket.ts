/** The socket of the page's own origin; a user's says first whose it is. */

import type { PageConfig } from "./messages.ts";
import { type ConnectionState, Socket } from "./socket.ts";

export function openSocket(
  config: PageConfig,
  onState: (state: ConnectionState, latencyMs: number | null) => void,
): Socket {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const authenticate = config.user
    ? async (socket: Socket) => void (await socket.request("authenticate", {}))
    : null;
  return new Socket(`${scheme}://${location.host}/ws`, onState, authenticate);
}
