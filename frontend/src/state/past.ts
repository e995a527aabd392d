/** What is past, from the newest on and as far back as somebody scrolls: page after page. */

import { Signal } from "../core/signal.ts";

/** What the rows are narrowed to. Days are of the reader's own clock, empty: any. */
export interface Span extends Narrowing {
  from: string;
  to: string;
}

/** Which rows, whenever they are of. `status` takes several, by commas; all are null for any. */
export interface Narrowing {
  market: string | null;
  side?: string | null;
  status?: string | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

interface Item {
  created_at: string;
  side?: string;
  status?: string;
}

/** More rows than these are not kept on the page: who looks for older ones names the days. */
export const ROWS_MAX = 2_000;

export const ANY_TIME: Span = { market: null, from: "", to: "" };

/** The query of a span: its days from their first moment to their last. */
export function queryOf({ market, side, status, from, to }: Span): string {
  const query = new URLSearchParams();
  if (market) query.set("market", market);
  if (side) query.set("side", side);
  if (status) query.set("status", status);
  if (from) query.set("start", new Date(`${from}T00:00:00`).toISOString());
  if (to) query.set("end", new Date(`${to}T23:59:59.999`).toISOString());
  return query.toString();
}

export function isSame(a: Narrowing, b: Narrowing): boolean {
  return (["market", "side", "status"] as const).every((one) => (a[one] ?? null) === (b[one] ?? null));
}

/** Whether something is of a span. */
export function isWithin(item: Item & { market: string }, span: Span): boolean {
  const { market, side, status, from, to } = span;
  if (market !== null && item.market !== market) return false;
  if (side && item.side !== side) return false;
  if (status && !status.split(",").includes(item.status ?? "")) return false;
  const at = new Date(item.created_at);
  if (from && at < new Date(`${from}T00:00:00`)) return false;
  return !(to && at > new Date(`${to}T23:59:59.999`));
}

export class Past<T extends Item & { market: string }> {
  /** Notified when a page came, or none will. */
  readonly changed = new Signal<null>(null);
  readonly #keyOf: (item: T) => string;
  readonly #ask: (query: string, cursor: string) => Promise<Page<T>>;
  #span: Span = ANY_TIME;
  #found = new Map<string, T>();
  /** Of the next page; null after the last one. */
  #cursor: string | null = "";
  #turn = 0;
  isLoading = false;
  hasFailed = false;

  /** `ask`: for a page of a query; the cursor of the first is empty. */
  constructor(keyOf: (item: T) => string, ask: (query: string, cursor: string) => Promise<Page<T>>) {
    this.#keyOf = keyOf;
    this.#ask = ask;
  }

  get span(): Span {
    return this.#span;
  }

  /** Whether there is more, as far as is known and may be kept. */
  get hasMore(): boolean {
    return this.#cursor !== null && this.#found.size < ROWS_MAX;
  }

  get isCut(): boolean {
    return this.#cursor !== null && this.#found.size >= ROWS_MAX;
  }

  /** Begin anew, for another span or another account. */
  narrow(span: Span): void {
    this.#span = span;
    this.#found.clear();
    this.#cursor = "";
    this.#turn += 1;
    this.isLoading = this.hasFailed = false;
    this.changed.notify();
  }

  /** All that is known, what is `live` among it, newest first. */
  rows(live: readonly T[]): T[] {
    const all = new Map(this.#found);
    for (const item of live) if (isWithin(item, this.#span)) all.set(this.#keyOf(item), item);
    return [...all.values()].sort(
      (a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || (this.#keyOf(a) < this.#keyOf(b) ? 1 : -1),
    );
  }

  /** Load the next page, unless one is on its way or there is none. */
  async more(): Promise<void> {
    const [cursor, turn] = [this.#cursor, this.#turn];
    if (this.isLoading || cursor === null || !this.hasMore) return;
    this.isLoading = true;
    this.hasFailed = false;
    try {
      const { items, next } = await this.#ask(queryOf(this.#span), cursor);
      if (turn !== this.#turn) return;
      for (const item of items) this.#found.set(this.#keyOf(item), item);
      this.#cursor = next;
    } catch (error) {
      if (turn !== this.#turn) return;
      this.hasFailed = true;
      console.warn("older rows could not be loaded", error);
    }
    this.isLoading = false;
    this.changed.notify();
  }
}
