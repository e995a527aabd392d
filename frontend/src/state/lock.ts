/** Why no order can be placed at the moment, in words for the button and the line above it. */

import type { AccountRef } from "../link/messages.ts";
import type { Market } from "../link/types.ts";
import type { Draft } from "./draft.ts";
import { refusalOf } from "./phases.ts";

export interface Lock {
  /** What the button says. */
  short: string;
  detail: string;
}

const CANCELS_ONLY = "Open orders can be cancelled; new ones are not taken.";
const PHASES: Partial<Record<Market["state"], Lock>> = {
  PreOpen: { short: "Not open yet", detail: "This market has not opened. No orders are taken." },
  CancelOnly: { short: "Cancels only", detail: CANCELS_ONLY },
  Halted: { short: "Halted: cancels only", detail: `This market is halted. ${CANCELS_ONLY}` },
  Closed: { short: "Closed: cancels only", detail: `This market is closed. ${CANCELS_ONLY}` },
  Delisted: { short: "Delisted", detail: "This market has ended for good. No orders are taken." },
};
const STALE: Lock = {
  short: "Waiting for the connection",
  detail: "Prices and balances stand still. Orders can be placed when the connection is back.",
};

const BOOK: Lock = {
  short: "Waiting for the book",
  detail: "The order book is not live. Orders can be placed as soon as it is again.",
};

const VIEWER: Lock = {
  short: "View only",
  detail: "You are a viewer of this account. Its owner can make you a trader.",
};

export type Stale = "line" | "book" | null;

/** Whether orders of an account can be looked at, but neither placed nor cancelled. */
export function isViewed(account: AccountRef | undefined): boolean {
  return account?.role === "Viewer";
}

/** Null where such an order is taken; `stale`: what is not there, so that what is shown is old. */
export function lockOf(
  market: Market,
  stale: Stale,
  account: AccountRef | undefined,
  draft: Draft | null = null,
): Lock | null {
  if (isViewed(account)) return VIEWER;
  if (stale) return stale === "line" ? STALE : BOOK;
  if (market.trading_enabled) {
    const detail = draft && refusalOf(market.state, draft);
    return detail ? { short: "Not taken now", detail } : null;
  }
  return PHASES[market.state] ?? { short: "No orders now", detail: CANCELS_ONLY };
}
