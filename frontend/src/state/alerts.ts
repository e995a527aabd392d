/**
 * One's price alerts: kept by the exchange, which tells of them; here they are listed, set and
 * removed, and each time that one was told of is told in the page once, also what came meanwhile.
 */

import { type Amount, parse, read, typed, write } from "../core/decimal.ts";
import { Signal } from "../core/signal.ts";
import { ApiError, type Rest } from "../link/rest.ts";
import type { Alert, AlertIn, Market } from "../link/types.ts";

/** Of one that this browser knows nothing of, what was told longer ago is not told again. */
export const TELL_WITHIN_MS = 86_400_000;

/** How often each alert was told of, as far as this browser knows, by its id. */
export type Seen = Readonly<Record<string, number>>;

export function readSeen(text: string | null): Seen {
  try {
    const found = JSON.parse(text ?? "{}") as unknown;
    const entries = found !== null && typeof found === "object" ? Object.entries(found) : [];
    return Object.fromEntries(entries.filter(([, count]) => Number.isInteger(count))) as Seen;
  } catch {
    return {};
  }
}

/** Those that were told of since they were seen, oldest first. */
export function unseen(alerts: readonly Alert[], seen: Seen, nowMs: number): Alert[] {
  const isNews = ({ id, told_count: count, told_at: at, by_page: isForPage }: Alert) => {
    if (!isForPage || !at) return false;
    const known = seen[id];
    return known === undefined ? count > 0 && nowMs - Date.parse(at) < TELL_WITHIN_MS : count > known;
  };
  return alerts.filter(isNews).sort((a, b) => Date.parse(a.told_at!) - Date.parse(b.told_at!));
}

export function seenOf(alerts: readonly Alert[]): Seen {
  return Object.fromEntries(alerts.map(({ id, told_count }) => [id, told_count]));
}

/** `BTC/USD rose to 65,000`: what an alert says once the price is there. */
export function saidOf({ market, condition, price }: Alert, show: (text: string) => string): string {
  return `${market} ${condition === "RisesTo" ? "rose to" : "fell to"} ${show(price)}`;
}

export type Wish = { price: string; condition: AlertIn["condition"] } | { wrong: string };

/** The alert that a typed price means: from which side it would be reached. */
export function wishOf(text: string, market: Market, last: string | null | undefined): Wish {
  const price = parse(typed(text));
  if (price === null || price <= 0n) return { wrong: "Enter a price, such as 65000." };
  const tick: Amount = read(market.price_tick);
  if (price % tick !== 0n) return { wrong: `The price must be a multiple of ${market.price_tick}.` };
  if (price > read(market.max_price)) return { wrong: `The price must be at most ${market.max_price}.` };
  const now = last == null ? null : read(last);
  if (now === price) return { wrong: "The last price is there now." };
  return { price: write(price), condition: now === null || price > now ? "RisesTo" : "FallsTo" };
}

export interface AlertParts {
  rest: Rest;
  /** Tell of one that the price has come to. */
  tell: (alert: Alert) => void;
  recall: () => string | null;
  remember: (text: string) => void;
  nowMs?: () => number;
}

export class Alerts {
  readonly list = new Signal<Alert[]>([]);
  readonly #parts: AlertParts;
  #seen: Seen;

  constructor(parts: AlertParts) {
    this.#parts = parts;
    this.#seen = readSeen(parts.recall());
  }

  /** Those of a market that wait for the price. */
  liveIn(symbol: string): Alert[] {
    return this.list.value.filter(({ market, state }) => market === symbol && state !== "Told");
  }

  /** Read them all: at first, after each reconnect, and when somebody looks again. */
  async load(): Promise<void> {
    try {
      const read = await this.#parts.rest.get<Alert[]>("/alerts");
      // What was pushed while they were on their way is newer.
      const alerts = read.map((alert) => this.#newer(alert));
      this.list.value = alerts;
      this.#tellNews(alerts);
      this.#see(seenOf(alerts));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      console.warn("the alerts could not be loaded", error.message);
    }
  }

  /** Take one that was told of; it may come more than once. */
  take(alert: Alert): void {
    if (this.#newer(alert) !== alert) return;
    this.#put(alert);
    this.#tellNews([alert]);
    this.#see({ ...this.#seen, ...seenOf([alert]) });
  }

  async set(wish: AlertIn): Promise<Alert> {
    const alert = await this.#parts.rest.post<Alert>("/alerts", wish);
    this.#put(alert);
    return alert;
  }

  async remove(id: string): Promise<void> {
    await this.#parts.rest.delete<Alert>(`/alerts/${encodeURIComponent(id)}`);
    this.list.value = this.list.value.filter((alert) => alert.id !== id);
  }

  /** The state of an alert that is known here where it is newer, else the given one. */
  #newer(alert: Alert): Alert {
    const known = this.list.value.find(({ id }) => id === alert.id);
    return known && known.told_count > alert.told_count ? known : alert;
  }

  #put(alert: Alert): void {
    this.list.value = [alert, ...this.list.value.filter(({ id }) => id !== alert.id)];
  }

  #tellNews(alerts: readonly Alert[]): void {
    const now = (this.#parts.nowMs ?? Date.now)();
    for (const alert of unseen(alerts, this.#seen, now)) this.#parts.tell(alert);
  }

  #see(seen: Seen): void {
    this.#seen = seen;
    this.#parts.remember(JSON.stringify(seen));
  }
}
