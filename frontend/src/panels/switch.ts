/** The dead-man's switch: on or off, its time, when it fires, and what that cancels. */

import { find, h, setText } from "../core/dom.ts";
import { recall, recallHere, remember, rememberHere } from "../core/memory.ts";
import type { Tell } from "../core/notice.ts";
import * as format from "../core/format.ts";
import type { Exchange } from "../state/exchange.ts";
import type { Portfolio } from "../state/portfolio.ts";
import { DeadMansSwitch, type Held, SECONDS, type Shelf } from "../state/switch.ts";

const TICK_MS = 500;
/** Where browsers let a hidden page run once a minute only, this is still put off in time. */
const SAFE_HIDDEN_S = 300;
const HELD = "switch";
const PAGE = "switch-page";

export function mount(element: HTMLElement, exchange: Exchange, portfolio: Portfolio, tell: Tell): void {
  element.hidden = false;
  const page = Math.random().toString(36).slice(2);
  const dead = new DeadMansSwitch({
    set: (timeoutMs) => exchange.socket.request("cancelAllAfter", { timeout_ms: timeoutMs }),
    shelf: SHELF,
    ...{ page, before: recallHere(PAGE), nowMs: () => Date.now() },
  });
  rememberHere(PAGE, page);
  const [box, seconds] = [find<HTMLInputElement>(element, "#switch-on"), find<HTMLSelectElement>(element, "#switch-seconds")];
  seconds.replaceChildren(
    ...SECONDS.map((one) => h("option", { text: timeText(one), attrs: { value: String(one) } })),
  );
  seconds.value = String(dead.seconds);
  box.addEventListener("change", () => {
    void (box.checked ? dead.turnOn(Number(seconds.value)) : dead.turnOff());
  });
  seconds.addEventListener("change", () => {
    if (dead.state === "on") void dead.turnOn(Number(seconds.value));
  });
  let was = dead.state;
  const draw = () => {
    const { state } = dead;
    box.checked = dead.isWanted;
    if (state === "on" || state === "elsewhere") seconds.value = String(dead.seconds);
    element.dataset["state"] = state;
    const left = dead.leftMs;
    setText(find(element, "#switch-left"), left === null ? "" : `fires in ${Math.ceil(left / 1_000)} s`);
    setText(find(element, "#switch-note"), noteOf(dead, portfolio.openOrders.length));
    if (state === "fired" && was !== "fired") {
      tell("Dead-man's switch fired", "The exchange has cancelled all your open orders.", "bad");
      void portfolio.load();
    }
    was = state;
  };
  dead.changed.watch(draw);
  portfolio.changed.watch(draw);
  window.setInterval(() => dead.tick(), TICK_MS);
  addEventListener("storage", () => dead.look());
}

function noteOf(dead: DeadMansSwitch, open: number): string {
  if (dead.error) return format.sentence(dead.error);
  if (dead.state === "elsewhere") {
    return `Another tab of this browser holds it (${timeText(dead.seconds)}). Switched on here, it is this one's.`;
  }
  if (dead.state === "fired") return "It fired: nobody put it off in time. Your open orders were cancelled.";
  if (dead.state === "off") return "";
  const what = `Cancels every open order of all your accounts, ${open} in this one, unless this tab puts it off.`;
  if (dead.seconds >= SAFE_HIDDEN_S) return what;
  return `${what} Browsers slow tabs that nobody sees: keep it in sight, or take 5 min.`;
}

function timeText(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${seconds / 60} min`;
}

const SHELF: Shelf = {
  read() {
    try {
      return JSON.parse(recall(HELD) ?? "null") as Held | null;
    } catch {
      return null;
    }
  },
  write(held) {
    remember(HELD, JSON.stringify(held));
  },
};
