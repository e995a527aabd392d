/** The signed-in user's own orders, fills and balances of one account: loaded, then kept live. */

import { type Amount, read } from "../core/decimal.ts";
import { recall, remember } from "../core/memory.ts";
import { Signal } from "../core/signal.ts";
import type { FillMessage } from "../link/messages.ts";
import type { Subscription } from "../link/socket.ts";
import type { Balance, Fill, Order } from "../link/types.ts";
import type { Exchange } from "./exchange.ts";
import type { Proven } from "./freshness.ts";
import type { Queued } from "./own-levels.ts";
import { ASK_MS, Queue } from "./queue.ts";

const OPEN: readonly Order["status"][] = ["New", "PartiallyFilled", "Pending", "Triggered"];
const CLOSED_MAX = 200;
const FILLS_MAX = 200;
const PAGE = 100;
/** How long a page waits for its socket before it reads without one. */
const SOCKET_WAIT_MS = 1_500;
/** Open orders are shown whole, and read in the largest pages there are. */
const PAGE_MAX = 500;

export function isOpen(order: Order): boolean {
  return OPEN.includes(order.status);
}

export interface News {
  /** An order that is new here, or whose status changed; as it was before, if it was here. */
  onOrder: (order: Order, before: Order | undefined) => void;
  /** `orderOf` looks the fill's order up; by the time it is told, its newer state may be in. */
  onFill: (fill: Fill, orderOf: () => Order | undefined) => void;
}

export class Portfolio implements Proven {
  readonly accountId = new Signal<string | null>(null);
  /** Notified after every change of orders, fills or balances. */
  readonly changed = new Signal<null>(null);
  readonly #exchange: Exchange;
  readonly #news: News;
  #orders = new Map<string, Order>();
  #fills = new Map<string, Fill>();
  #balances = new Map<string, Balance>();
  readonly #queue: Queue;
  #followed: Subscription[] = [];
  isLoaded = false;

  constructor(exchange: Exchange, news: News) {
    this.#exchange = exchange;
    this.#news = news;
    this.#queue = new Queue({
      ask: (account, market) => exchange.socket.request("getQueue", { account, market }),
      isWatched: () => !document.hidden && exchange.socket.isOpen,
      nowMs: () => performance.now(),
    });
  }

  /** Take the account chosen last, if it is still one of the user's, and remember the next. */
  chooseAccount(): void {
    const { accounts } = this.#exchange.config;
    const last = this.#exchange.accountOf(recall("account")) ?? accounts[0];
    this.accountId.value = last?.id ?? null;
    this.accountId.watch((id) => id && remember("account", id));
  }

  /** Follow the private channels; every (re)subscription loads everything afresh. */
  start(): void {
    const { socket } = this.#exchange;
    const follow = <T>(channel: string, take: (item: T) => void) =>
      socket.subscribe(
        { channel },
        (push) => {
          for (const item of (Array.isArray(push.data) ? push.data : [push.data]) as T[])
            take(item);
          this.changed.notify();
        },
        // One load for the three channels; what is pushed meanwhile is merged by its time.
        () => channel === "orders" && this.#load(),
      );
    this.#followed = [
      follow<Order>("orders", (order) => this.upsert(order)),
      follow<FillMessage>("fills", (fill) => this.#addFill(fill, true)),
      follow<Balance>("balances", (balance) => this.#setBalance(balance)),
    ];
    this.#exchange.freshness.add("account", this);
    window.setInterval(() => void this.#lookAtQueue(), ASK_MS);
    this.accountId.watch(() => {
      this.#orders.clear();
      this.#fills.clear();
      this.#balances.clear();
      this.isLoaded = false;
      if (socket.isOpen) return void this.load();
      // The subscription loads all of it, once. Where no socket comes, it is asked for all the same.
      window.setTimeout(() => socket.isOpen || void this.load(), SOCKET_WAIT_MS);
    });
  }

  get isWhole(): boolean {
    return this.isLoaded && this.#followed.every((one) => one.isWhole);
  }

  async load(): Promise<void> {
    await this.#load().catch((error: unknown) => console.warn("the account could not be loaded", error));
  }

  async #load(): Promise<void> {
    const account = this.accountId.value;
    if (!account) return;
    const base = `/accounts/${encodeURIComponent(account)}`;
    const { rest } = this.#exchange;
    const [orders, open, fills, balances] = await Promise.all([
      rest.get<Order[]>(`${base}/orders?limit=${PAGE}`),
      rest.getAll<Order>(`${base}/orders?limit=${PAGE_MAX}&status=Open`),
      rest.get<Fill[]>(`${base}/trades?limit=${PAGE}`),
      rest.get<Balance[]>(`${base}/balances`),
    ]);
    if (account !== this.accountId.value) return;
    const loaded = [...orders, ...open];
    this.#dropEnded(new Set(loaded.map((order) => order.id)));
    for (const order of loaded) this.#merge(order);
    for (const fill of fills) this.#addFill(fill, false);
    for (const balance of balances) this.#setBalance(balance);
    this.isLoaded = true;
    this.changed.notify();
  }

  /** Open orders, each with what stands ahead of it where that is known. */
  get openOrders(): Queued[] {
    const open = [...this.#orders.values()].filter(isOpen).sort(newestFirst);
    return open.map((order) => {
      const queueAhead = this.#queue.aheadOf(order);
      return queueAhead === null ? order : { ...order, queueAhead };
    });
  }

  get closedOrders(): Order[] {
    return [...this.#orders.values()].filter((order) => !isOpen(order)).sort(newestFirst);
  }

  get fills(): Fill[] {
    return [...this.#fills.values()].sort(newestFirst);
  }

  get balances(): Balance[] {
    return [...this.#balances.values()].sort((a, b) => (a.asset < b.asset ? -1 : 1));
  }

  balanceOf(asset: string): Balance | undefined {
    return this.#balances.get(asset);
  }

  available(asset: string): Amount {
    return read(this.#balances.get(asset)?.available);
  }

  /** Take an order's new state from a push or a reply, and tell what is news. */
  upsert(order: Order): void {
    if (order.user_id !== this.accountId.value) return;
    const before = this.#orders.get(order.id);
    if (!this.#merge(order)) return;
    if (before?.status !== order.status) this.#news.onOrder(order, before);
    this.#trim();
    this.changed.notify();
    // Without a socket nothing is pushed: what the order did to the balances is asked for.
    if (!this.#exchange.socket.isOpen) void this.load();
  }

  async #lookAtQueue(): Promise<void> {
    const [account, shown] = [this.accountId.value, this.#exchange.market.value?.symbol ?? null];
    const open = [...this.#orders.values()].filter(isOpen);
    if (account && (await this.#queue.look(account, open, shown))) this.changed.notify();
  }

  setBalance(balance: Balance): void {
    this.#setBalance(balance);
    this.changed.notify();
  }

  /** Keep the newer of two states; return whether the given one was taken. */
  #merge(order: Order): boolean {
    const known = this.#orders.get(order.id);
    if (known) {
      if (Date.parse(known.updated_at) > Date.parse(order.updated_at)) return false;
      // An order that has ended never opens again, and fills never shrink.
      if (!isOpen(known) && isOpen(order)) return false;
      if (read(known.filled_quantity) > read(order.filled_quantity)) return false;
    }
    this.#orders.set(order.id, order);
    return true;
  }

  /** After a reconnect: what was open before and is in no list now has ended unseen. */
  #dropEnded(listed: Set<string>): void {
    for (const order of this.openOrders) {
      const isOld = Date.now() - Date.parse(order.updated_at) > 10_000;
      if (!listed.has(order.id) && isOld) this.#orders.delete(order.id);
    }
  }

  #trim(): void {
    const closed = this.closedOrders;
    for (const order of closed.slice(CLOSED_MAX)) this.#orders.delete(order.id);
  }

  #addFill(fill: FillMessage, isLive: boolean): void {
    if (fill.account_id && fill.account_id !== this.accountId.value) return;
    const key = `${fill.id}/${fill.order_id}`;
    if (this.#fills.has(key)) return;
    this.#fills.set(key, fill);
    for (const old of this.fills.slice(FILLS_MAX)) this.#fills.delete(`${old.id}/${old.order_id}`);
    if (isLive) this.#news.onFill(fill, () => this.#orders.get(fill.order_id));
  }

  #setBalance(balance: Balance): void {
    if (balance.account_id !== this.accountId.value) return;
    const known = this.#balances.get(balance.asset);
    if (known && Date.parse(known.updated_at) > Date.parse(balance.updated_at)) return;
    this.#balances.set(balance.asset, balance);
  }
}

/** Balances with something in them first. */
export function heldFirst(balances: readonly Balance[]): Balance[] {
  const isEmpty = (balance: Balance) => (read(balance.total) > 0n ? 0 : 1);
  return [...balances].sort((a, b) => isEmpty(a) - isEmpty(b));
}

/** By time, then by id (ids grow with time, and are texts of up to 16 digits). */
function newestFirst(a: { created_at: string; id: string }, b: { created_at: string; id: string }) {
  const byTime = Date.parse(b.created_at) - Date.parse(a.created_at);
  return byTime || b.id.length - a.id.length || (a.id < b.id ? 1 : -1);
}
