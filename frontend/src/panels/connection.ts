/** The line to the exchange: whether it is there, how long it takes, and how old the book is. */

import { drawing, find, setText } from "../core/dom.ts";
import type { Tell } from "../core/notice.ts";
import type { ConnectionState } from "../link/socket.ts";
import type { Exchange } from "../state/exchange.ts";

const TEXT: Record<ConnectionState, string> = {
  connecting: "Connecting",
  live: "Live",
  waiting: "Reconnecting",
  offline: "Offline",
};
const LOOK_MS = 1_000;

export function mount(element: HTMLElement, exchange: Exchange, tell: Tell): void {
  const text = find(element, "#connection-text");
  const figures = find(element, "#line-figures");
  let [hadTrouble, wasLive] = [false, false];
  const draw = () => {
    const isLive = exchange.connection.value === "live";
    setText(text, TEXT[exchange.connection.value]);
    setText(figures, isLive ? figuresOf(exchange) : "");
  };
  exchange.connection.watch((state) => {
    element.dataset["state"] = state;
    draw();
    if (state === "waiting" || state === "offline") {
      if (wasLive && !hadTrouble) {
        const lost = state === "offline" ? "You are offline" : "Connection lost";
        tell(lost, "What is shown stands still until it is back.", "bad", "connection");
      }
      hadTrouble = true;
    } else if (state === "live" && hadTrouble) {
      hadTrouble = false;
      if (wasLive) tell("Connected again", "", "good", "connection");
    }
    wasLive ||= state === "live";
  });
  window.setInterval(() => {
    if (!document.hidden) draw();
  }, LOOK_MS);
}

function figuresOf({ freshness }: Exchange): string {
  const { latencyMs } = freshness;
  const age = freshness.ageMs("book");
  return [
    latencyMs === null ? "" : `· ${Math.round(latencyMs)} ms`,
    age === null ? "" : `book ${(age / 1_000).toFixed(1)} s`,
    `drawn in ${drawing.takeMs().toFixed(1)} ms`,
  ]
    .filter(Boolean)
    .join(" · ");
}
