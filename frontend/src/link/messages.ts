/**
 * Shapes written by hand, because OpenAPI speaks of requests only: what the socket pushes
 * (docs/market-data.md, api/v1/socket), and what Django tells the page in the document itself
 * (zavora/pages/trading.py). What both have in common with the API comes from `types.ts`.
 */

import type { Account, Fill, Order, OrderBook } from "./types.ts";

export type Side = Order["side"];

/** A snapshot of a book, or (with `prev_sequence`) what has changed since that sequence. */
export interface BookMessage extends Pick<OrderBook, "bids" | "asks"> {
  sequence: number | string;
  prev_sequence?: number | string | null;
  checksum?: number | string | null;
}

/** A pushed fill says which of the user's accounts it is of; one that is read does not. */
export interface FillMessage extends Fill {
  account_id?: string;
}

/** An account of the user's, or one that `owner` (else empty) shares with them. */
export interface AccountRef
  extends Pick<Account, "id" | "label" | "role" | "maker_fee" | "taker_fee"> {
  owner: string;
}

export interface PageConfig {
  market: string;
  user: { email: string } | null;
  accounts: AccountRef[];
  demo: boolean;
  faucet: boolean;
  csrf_cookie: string;
  version: string;
}
