/** Whether the line to the exchange is there, and how long it takes. */

import { find, setText } from "../core/dom.ts";
import type { Tell } from "../core/notice.ts";
import type { ConnectionState } from "../link/socket.ts";

const TEXT: Record<ConnectionState, string> = {
  connecting: "Connecting",
  live: "Live",
  waiting: "Reconnecting",
  offline: "Offline",
};

/** Return what shows a state, and the latency where one is known. */
export function mount(
  element: HTMLElement,
  tell: Tell,
): (state: ConnectionState, latencyMs: number | null) => void {
  const text = find(element, "#connection-text");
  let [hadTrouble, wasLive] = [false, false];
  return (state, latencyMs) => {
    element.dataset["state"] = state;
    const latency = latencyMs === null ? "" : ` · ${latencyMs} ms`;
    // The latency changes all the time and is not read out.
    element.setAttribute("aria-label", TEXT[state]);
    setText(text, TEXT[state] + latency);
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
  };
}
