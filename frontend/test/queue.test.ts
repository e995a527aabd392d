import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../src/link/rest.ts";
import type { Order, QueuePlaces } from "../src/link/types.ts";
import { OLD_MS, Queue } from "../src/state/queue.ts";

function order(id: string, more: Partial<Order> = {}): Order {
  return { id, market: "BTC/USD", price: "100.00", status: "New", ...more } as Order;
}

function line(answer: (market: string) => Promise<QueuePlaces>) {
  const told = { nowMs: 0, isWatched: true, asked: [] as string[] };
  const queue = new Queue({
    ask: (_, market) => {
      told.asked.push(market);
      return answer(market);
    },
    isWatched: () => told.isWatched,
    nowMs: () => told.nowMs,
  });
  return { queue, told };
}

function places(market: string, ahead: Record<string, string>): Promise<QueuePlaces> {
  const orders = Object.entries(ahead).map(([order_id, queue_ahead]) => ({ order_id, queue_ahead }));
  return Promise.resolve({ user_id: "a", market, sequence: 1, orders });
}

test("a place is told until it is old, and of the price that it was asked about alone", async () => {
  const { queue, told } = line((market) => places(market, { "1": "0.42" }));
  const own = order("1");
  assert.equal(queue.aheadOf(own), null);
  assert.equal(await queue.look("a", [own], null), true);
  assert.equal(queue.aheadOf(own), "0.42");
  assert.equal(await queue.look("a", [own], null), false);
  assert.equal(queue.aheadOf(order("1", { price: "101.00" })), null);
  told.nowMs = OLD_MS + 1;
  assert.equal(queue.aheadOf(own), null);
  told.isWatched = false;
  assert.equal(await queue.look("a", [own], null), true);
  assert.equal(await queue.look("a", [own], null), false);
  assert.deepEqual(told.asked, ["BTC/USD", "BTC/USD"]);
});

test("markets where nothing rests are not asked about, and the one on show comes first", async () => {
  const { queue, told } = line((market) => places(market, {}));
  const orders = [
    order("1", { market: "A/USD" }),
    order("2", { market: "B/USD", status: "Pending" }),
    order("3", { market: "C/USD", price: null }),
    ...["D", "E", "F", "G"].map((name) => order(name, { market: `${name}/USD` })),
  ];
  await queue.look("a", orders, "G/USD");
  assert.deepEqual(told.asked, ["G/USD", "A/USD", "D/USD", "E/USD"]);
});

test("an order that has left the book has no place", async () => {
  let ahead: Record<string, string> = { "1": "1" };
  const { queue } = line((market) => places(market, ahead));
  await queue.look("a", [order("1")], null);
  ahead = {};
  assert.equal(await queue.look("a", [order("1")], null), true);
  assert.equal(queue.aheadOf(order("1")), null);
});

test("a refusal leaves what is known until it is old, and one question waits for the other", async () => {
  let fail: (error: unknown) => void = () => undefined;
  const { queue, told } = line(() => new Promise((_, reject) => (fail = reject)));
  const first = queue.look("a", [order("1")], null);
  assert.equal(await queue.look("a", [order("1")], null), false);
  assert.deepEqual(told.asked, ["BTC/USD"]);
  fail(new ApiError("no", "engine_unavailable", 503));
  assert.equal(await first, false);
});
