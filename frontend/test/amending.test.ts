import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../src/link/rest.ts";
import type { Order } from "../src/link/types.ts";
import { Amending } from "../src/state/amending.ts";
import { AT_FIRST } from "../src/state/warnings.ts";
import type { Exchange } from "../src/state/exchange.ts";
import type { Portfolio } from "../src/state/portfolio.ts";

const ORDER = { id: "7", price: "98" } as Order;
const LOST = new ApiError("no answer", "network", 0);

/** Answers are given by the test, in the order in which they were asked for. */
function line() {
  const asked: string[] = [];
  const waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void }[] = [];
  const ask = (what: string) => {
    asked.push(what);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  };
  const exchange = {
    socket: { request: (op: string, body: unknown) => ask(`${op} ${JSON.stringify(body)}`) },
    rest: { patch: (path: string, body: unknown) => ask(`PATCH ${path} ${JSON.stringify(body)}`) },
  } as unknown as Exchange;
  const [taken, told] = [[] as unknown[], [] as string[]];
  const portfolio = {
    upsert: (order: Order) => taken.push(order.price),
    load: async () => void taken.push("loaded"),
  } as unknown as Portfolio;
  const tell = (title: string, detail = "") => void told.push(`${title} ${detail}`);
  return { asked, waiting, taken, told, amending: new Amending(exchange, portfolio, tell, () => AT_FIRST) };
}

test("nothing is sent of an order that something is on its way of", async () => {
  const { asked, waiting, taken, amending } = line();
  const first = amending.amend(ORDER, { price: "97" });
  await amending.amend(ORDER, { price: "97" });
  await amending.cancel(ORDER);
  assert.deepEqual(asked, ['amendOrder {"order_id":"7","price":"97"}']);
  assert.equal(amending.isSent(ORDER), true);

  waiting[0]!.resolve({ order: { ...ORDER, price: "97" }, trades: [] });
  await first;
  assert.deepEqual([taken, amending.isSent(ORDER)], [["97"], false]);
  void amending.amend(ORDER, { price: "96" });
  assert.equal(asked.length, 2);
});

test("what the socket leaves unanswered goes by PATCH", async () => {
  const { asked, waiting, taken, amending } = line();
  const sent = amending.amend(ORDER, { quantity: "3" });
  waiting[0]!.reject(LOST);
  await new Promise(setImmediate);
  assert.equal(asked[1], 'PATCH /orders/7 {"quantity":"3"}');
  waiting[1]!.resolve({ order: ORDER, trades: [] });
  await sent;
  assert.deepEqual(taken, ["98"]);
});

test("a refusal is told, and what the order is now is asked for", async () => {
  const { waiting, taken, told, amending } = line();
  const sent = amending.amend(ORDER, { price: "97" });
  waiting[0]!.reject(new ApiError("the market is halted", "market_halted", 409));
  await sent;
  assert.deepEqual([told, taken], [["Not changed The market is halted."], ["loaded"]]);
});
