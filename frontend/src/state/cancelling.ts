/** Cancelling all open orders of the account in use, in one market or in all, of one side or both. */

import type { Tell } from "../core/notice.ts";
import * as format from "../core/format.ts";
import type { Side } from "../link/messages.ts";
import { cancelAll } from "../link/orders.ts";
import { ApiError } from "../link/rest.ts";
import type { Exchange } from "./exchange.ts";
import type { Portfolio } from "./portfolio.ts";

/** Tell what was not cancelled; the rest leaves the lists. */
export async function cancelOpen(
  exchange: Exchange,
  portfolio: Portfolio,
  tell: Tell,
  market: string | null,
  side: Side | null = null,
): Promise<void> {
  const account = portfolio.accountId.value;
  if (!account) return;
  const tellRefused = (message: string) => tell("Not cancelled", format.sentence(message), "bad", "reject");
  try {
    for (const item of await cancelAll(exchange, account, market ?? undefined, side ?? undefined)) {
      if (item.order) portfolio.upsert(item.order);
      else if (item.error) tellRefused(item.error.message);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tellRefused(error.message);
  }
}
