/** What of the form's choices a market's state does not take, and why. */

import type { Market } from "../link/types.ts";
import type { Draft } from "./draft.ts";
import { rests, type TicketKind, type TimeInForce, traitsOf } from "./order-kinds.ts";

export type State = Market["state"];

/** Which orders a market takes where it does not take all. */
export const TAKEN: Partial<Record<State, string>> = {
  PostOnly: "This market takes post-only limit orders now.",
  Auction:
    "Until the auction ends, this market takes limit orders that may rest (not post-only) and orders that wait for a price.",
};

/** Why a kind of order is not taken now, whatever else it asks for; empty where it is. */
export function kindRefused(state: State, kind: TicketKind): string {
  const { isLimit, waits } = traitsOf(kind);
  const isRefused = { Auction: kind === "Market", PostOnly: !isLimit }[state as "Auction"] ?? false;
  if (!isRefused) return "";
  return waits || kind === "Market" ? (TAKEN[state] ?? "") : "";
}

/** Why orders are not taken now that are good so long: those that wait are all the same. */
export function timeRefused(state: State, kind: TicketKind, time: TimeInForce): string {
  const isImmediate = kind === "Limit" && !rests(time);
  const isRefused = isImmediate && (state === "Auction" || state === "PostOnly");
  return isRefused ? (TAKEN[state] ?? "") : "";
}

/** Why post-only orders are not taken now. */
export function postOnlyRefused(state: State, kind: TicketKind): string {
  return state === "Auction" && kind === "Limit" ? (TAKEN[state] ?? "") : "";
}

/** Why an order as it stands in the form is not taken now; empty where it is. */
export function refusalOf(state: State, draft: Draft): string {
  const { type, timeInForce, isPostOnly } = draft;
  const refused = kindRefused(state, type) || timeRefused(state, type, timeInForce);
  if (refused) return refused;
  if (isPostOnly) return postOnlyRefused(state, type);
  return state === "PostOnly" ? (TAKEN[state] ?? "") : "";
}
