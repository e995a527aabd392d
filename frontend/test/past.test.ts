import assert from "node:assert/strict";
import { test } from "node:test";

import { ANY_TIME, isWithin, type Page, Past, queryOf } from "../src/state/past.ts";

interface Item {
  id: string;
  market: string;
  created_at: string;
}

const item = (id: string, day: number, market = "BTC/USD"): Item => ({
  id,
  market,
  created_at: new Date(2026, 0, day, 12).toISOString(),
});

function pages(...found: Page<Item>[]) {
  const asked: [string, string][] = [];
  const past = new Past<Item>(
    ({ id }) => id,
    (query, cursor) => {
      asked.push([query, cursor]);
      const page = found.shift();
      return page ? Promise.resolve(page) : Promise.reject(new Error("no such page"));
    },
  );
  return { past, asked };
}

test("pages follow one another, and what is live stands among them once", async () => {
  const { past, asked } = pages(
    { items: [item("4", 4), item("3", 3)], next: "after 3" },
    { items: [item("2", 2)], next: null },
  );
  await past.more();
  await past.more();
  await past.more();
  assert.deepEqual(asked.map(([, cursor]) => cursor), ["", "after 3"]);
  assert.equal(past.hasMore, false);
  const rows = past.rows([item("5", 5), item("4", 4)]);
  assert.deepEqual(rows.map(({ id }) => id), ["5", "4", "3", "2"]);
});

test("two who ask for more at once get one page", async () => {
  const { past, asked } = pages({ items: [], next: null });
  await Promise.all([past.more(), past.more()]);
  assert.equal(asked.length, 1);
});

test("another span begins anew, and what was asked before it is let go", async () => {
  const { past, asked } = pages({ items: [item("1", 1)], next: null }, { items: [], next: null });
  const first = past.more();
  past.narrow({ ...ANY_TIME, market: "ETH/USD" });
  await first;
  assert.deepEqual(past.rows([item("9", 9)]), []);
  await past.more();
  assert.equal(asked[1]![0], "market=ETH%2FUSD");
});

test("a page that fails can be asked for again", async () => {
  const { past } = pages();
  await past.more();
  assert.deepEqual([past.hasFailed, past.hasMore, past.isLoading], [true, true, false]);
});

test("days are those of the reader's clock, from first to last moment", () => {
  const span = { market: null, from: "2026-01-02", to: "2026-01-03" };
  const query = new URLSearchParams(queryOf(span));
  assert.equal(query.get("start"), new Date(2026, 0, 2).toISOString());
  assert.equal(query.get("end"), new Date(2026, 0, 3, 23, 59, 59, 999).toISOString());
  assert.deepEqual([1, 2, 3, 4].map((day) => isWithin(item("x", day), span)), [false, true, true, false]);
  assert.equal(isWithin(item("x", 2, "ETH/USD"), { ...span, market: "BTC/USD" }), false);
});
