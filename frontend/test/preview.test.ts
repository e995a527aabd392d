/** When the exchange is asked what would become of an order, and what is made of its answer. */

import assert from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";

import { ApiError } from "../src/link/rest.ts";
import type { OrderPreview, PlaceOrderIn } from "../src/link/types.ts";
import { wordsOf } from "../src/panels/ticket-preview.ts";
import { FRESH_MS, Preview, REFUSED_MS, REST_MS } from "../src/state/preview.ts";
import { MARKET } from "./market.ts";

const ORDER = { user_id: "a", market: "BTC/USD", side: "Buy", order_type: "Market" } as const;
const TOLD: OrderPreview = {
  ...{ accepted: true, code: null, reason: null, message: null, status: "Filled", price: null },
  ...{ average_price: "100.5", worst_price: "101", filled_quantity: "2", resting_quantity: "0" },
  ...{ amount: "201", fee: "0.002", fee_asset: "BTC", hold: "201", hold_asset: "USD", sequence: 1 },
};

/** An exchange that answers when it is told to. */
class Asked {
  readonly orders: PlaceOrderIn[] = [];
  #answers: ((told: OrderPreview | ApiError) => void)[] = [];
  readonly ask = (order: PlaceOrderIn): Promise<OrderPreview> => {
    this.orders.push(order);
    return new Promise((resolve, reject) => {
      this.#answers.push((told) => (told instanceof ApiError ? reject(told) : resolve(told)));
    });
  };
  async answer(told: OrderPreview | ApiError): Promise<void> {
    this.#answers.shift()!(told);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

function clock(context: TestContext): typeof mock.timers {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  return context.mock.timers;
}

const order = (quantity: string): PlaceOrderIn => ({ ...ORDER, quantity }) as PlaceOrderIn;

test("it is asked once the form rests, about what stands there then", async (context) => {
  const timers = clock(context);
  const asked = new Asked();
  const preview = new Preview(asked.ask);
  for (const quantity of ["1", "12", "125"]) {
    preview.want(order(quantity));
    timers.tick(REST_MS - 1);
  }
  assert.equal(asked.orders.length, 0);
  timers.tick(1);
  assert.deepEqual(asked.orders, [order("125")]);
  preview.want(order("125")); // drawn again, and nothing is new
  await asked.answer(TOLD);
  assert.equal(preview.told.value, TOLD);
  timers.tick(10 * FRESH_MS);
  assert.equal(asked.orders.length, 1);
});

test("one question at a time, and an answer to another question is none", async (context) => {
  const timers = clock(context);
  const asked = new Asked();
  const preview = new Preview(asked.ask);
  preview.want(order("1"));
  timers.tick(REST_MS);
  preview.want(order("2"));
  timers.tick(10 * REST_MS);
  assert.equal(asked.orders.length, 1);
  await asked.answer(TOLD);
  assert.equal(preview.told.value, null);
  timers.tick(REST_MS);
  assert.deepEqual(asked.orders.at(-1), order("2"));
  await asked.answer(TOLD);
  assert.equal(preview.told.value, TOLD);
  preview.want(null);
  assert.equal(preview.told.value, null);
  timers.tick(10 * REST_MS);
  assert.equal(asked.orders.length, 2);
});

test("a book that moves all the time is asked about every few seconds", async (context) => {
  const timers = clock(context);
  const asked = new Asked();
  const preview = new Preview(asked.ask);
  preview.move(); // nothing is wanted
  preview.want(order("1"));
  timers.tick(REST_MS);
  await asked.answer(TOLD);
  for (let moved = 0; moved < 30; moved++) {
    preview.move();
    timers.tick(FRESH_MS / 10);
  }
  assert.equal(asked.orders.length, 2); // the second is not answered yet
  await asked.answer(TOLD);
  timers.tick(10 * FRESH_MS);
  assert.equal(asked.orders.length, 2); // nothing moved
});

test("who is told to wait does, and what the form says itself is not repeated", async (context) => {
  const timers = clock(context);
  const asked = new Asked();
  const preview = new Preview(asked.ask);
  preview.want(order("1"));
  timers.tick(REST_MS);
  await asked.answer(new ApiError("slow down", "rate_limit_exceeded", 429));
  assert.equal(preview.told.value, null);
  preview.want(order("2"));
  timers.tick(REFUSED_MS - 1);
  assert.equal(asked.orders.length, 1);
  timers.tick(1);
  assert.equal(asked.orders.length, 2);
  await asked.answer(new ApiError("wrong", "validation_error", 422));
  preview.want(order("3"));
  timers.tick(REST_MS);
  assert.equal(asked.orders.length, 3);
});

test("what would happen is said in a line", () => {
  assert.equal(
    wordsOf(TOLD, MARKET),
    "Would trade 2.00 BTC at 100.50 USD on average, 101.00 at worst; fee 0.002 BTC; locks 201.00 USD.",
  );
  const rests = { ...TOLD, filled_quantity: "0", resting_quantity: "2", status: "New" } as const;
  assert.equal(wordsOf(rests, MARKET), "Would let 2.00 BTC rest in the book; locks 201.00 USD.");
  const waits = { ...rests, status: "Pending" } as const;
  assert.match(wordsOf(waits, MARKET), /^Would let 2.00 BTC wait for the price; /);
  const both = { ...TOLD, resting_quantity: "1", worst_price: "100.5" };
  assert.match(wordsOf(both, MARKET), /at 100.50 USD; fee .*; 1.00 BTC rest in the book; /);
  const ends = { ...TOLD, filled_quantity: "0", reason: "ioc_unfilled" };
  assert.match(wordsOf(ends, MARKET), /^Would end at once: /);
  const refused = { ...TOLD, accepted: false, message: "The available balance is too small." };
  assert.equal(
    wordsOf(refused, MARKET),
    "Would be refused: The available balance is too small.",
  );
});
