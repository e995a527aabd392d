/** The keys of the page, and what each does: one list for whoever presses them and for who reads it. */

import type { Touch } from "./touch.ts";

export type HotKey = "buy" | "sell" | "limit" | "market" | "price" | "quantity" | "share" | "touch" | "search" | "cancel";

/** By the key; of shares the digit says which. */
const KEYS: Record<string, HotKey> = {
  b: "buy",
  s: "sell",
  l: "limit",
  m: "market",
  p: "price",
  q: "quantity",
  "1": "share",
  "2": "share",
  "3": "share",
  "4": "share",
  g: "touch",
  h: "touch",
  j: "touch",
  "/": "search",
};

/** Pressed twice within this time it cancels. */
export const TWICE_MS = 1_500;

export const LISTED: readonly (readonly [keys: string, what: string, isAlways?: boolean])[] = [
  ["Ctrl K", "Search, go to, type an order", true],
  ["?", "This list", true],
  ["B, S", "Buy, sell"],
  ["L, M", "Limit, market"],
  ["P, Q", "To the price, to the quantity"],
  ["G H J", "Price: the best bid, the middle, the best ask"],
  ["1 2 3 4", "25, 50, 75, 100% of what is available"],
  ["/", "Search markets"],
  ["Esc Esc", "Cancel all open orders in this market"],
];

export const touchOf = (key: string): Touch => ({ g: "bid", h: "mid", j: "ask" }[key.toLowerCase()] ?? "mid") as Touch;
export const shareOf = (key: string): number => Number(key) * 25;

export interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  /** Somebody types into a field, or answers a question. */
  isBusy: boolean;
  at: number;
}

/** What a press means while hot keys are on; null: nothing of ours. */
export class HotKeys {
  #escapedAt = -Infinity;

  read({ key, ctrlKey, metaKey, altKey, isBusy, at }: Press): HotKey | "armed" | null {
    if (ctrlKey || metaKey || altKey || isBusy) return null;
    if (key !== "Escape") {
      this.#escapedAt = -Infinity;
      return Object.hasOwn(KEYS, key.toLowerCase()) ? KEYS[key.toLowerCase()]! : null;
    }
    const isTwice = at - this.#escapedAt <= TWICE_MS;
    this.#escapedAt = isTwice ? -Infinity : at;
    return isTwice ? "cancel" : "armed";
  }
}
