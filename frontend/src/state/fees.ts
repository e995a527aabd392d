/**
 * The engine's own arithmetic of fees (`fee_units` in matching/engine/taking.py), on the page's
 * amounts. A test runs both over the same cases.
 */

import { type Amount, read, SCALE } from "../core/decimal.ts";
import type { AccountRef } from "../link/messages.ts";
import type { Market } from "../link/types.ts";

const PPM_DECIMALS = 6;

export interface Rates {
  maker: string;
  taker: string;
}

/** The rates of an account in a market: its own where set, else the market's. */
export function ratesOf(market: Market, account: AccountRef | undefined): Rates {
  return {
    maker: account?.maker_fee ?? market.maker_fee,
    taker: account?.taker_fee ?? market.taker_fee,
  };
}

/** The smallest amount of an asset with `scale` decimals. */
export function unitOf(scale: number): Amount {
  return 10n ** BigInt(SCALE - scale);
}

/** The fee on one fill: rounded up to the asset's smallest unit, never more than was received. */
export function feeOf(received: Amount, rate: string, scale: number): Amount {
  const unit = unitOf(scale);
  const ppm = read(rate) / 10n ** BigInt(SCALE - PPM_DECIMALS);
  const [units, million] = [received / unit, 10n ** BigInt(PPM_DECIMALS)];
  const exact = units * ppm;
  // A rebate (negative) is no part of what is received: it comes out of the taker's fee, if any.
  if (exact <= 0n) return 0n;
  const fee = (exact + million - 1n) / million;
  return (fee < units ? fee : units) * unit;
}
