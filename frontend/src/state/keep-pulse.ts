/** Has the line prove what a page shows, as often as somebody may look at it. */

import { Pulse } from "../link/pulse.ts";
import type { Exchange } from "./exchange.ts";

const TICK_MS = 50;

export function keepPulse(exchange: Exchange): void {
  const symbolOf = () => exchange.market.value?.symbol ?? null;
  const pulse = new Pulse(exchange.socket, symbolOf, (beat) => exchange.freshness.take(beat));
  window.setInterval(() => pulse.tick(document.hidden), TICK_MS);
  document.addEventListener("visibilitychange", () => pulse.tick(document.hidden));
}
