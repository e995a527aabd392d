import assert from "node:assert/strict";
import { test } from "node:test";

import type { Rest } from "../src/link/rest.ts";
import type { Alert } from "../src/link/types.ts";
import { Alerts, readSeen, saidOf, TELL_WITHIN_MS, unseen, wishOf } from "../src/state/alerts.ts";
import { MARKET } from "./market.ts";

const NOW = Date.parse("2026-01-02T00:00:00Z");

function alert(id: string, more: Partial<Alert> = {}): Alert {
  return {
    ...{ id, market: "BTC/USD", condition: "RisesTo", price: "65000.00", note: "" },
    ...{ repeats: false, by_page: true, by_mail: false, state: "Armed" },
    ...{ told_count: 0, told_price: null, told_at: null, created_at: "2026-01-01T00:00:00Z" },
    ...more,
  };
}

function told(id: string, count = 1, at = "2026-01-01T12:00:00Z", more: Partial<Alert> = {}): Alert {
  return alert(id, { state: "Told", told_count: count, told_at: at, told_price: "65001.00", ...more });
}

test("what was told since it was seen is news, once, oldest first", () => {
  const alerts = [
    told("new", 1, "2026-01-01T13:00:00Z"),
    told("older", 3),
    told("seen", 2),
    told("long ago", 1, new Date(NOW - TELL_WITHIN_MS - 1).toISOString()),
    told("by mail alone", 1, "2026-01-01T12:00:00Z", { by_page: false }),
    alert("waits"),
  ];
  const news = unseen(alerts, { older: 2, seen: 2 }, NOW);
  assert.deepEqual(news.map(({ id }) => id), ["older", "new"]);
});

test("a typed price says from which side it is reached", () => {
  const wish = (text: string, last: string | null = "60000") => wishOf(text, MARKET, last);
  assert.deepEqual(wish("65,000"), { price: "65000", condition: "RisesTo" });
  assert.deepEqual(wish("59999.99"), { price: "59999.99", condition: "FallsTo" });
  assert.deepEqual(wish("1", null), { price: "1", condition: "RisesTo" });
  const wrong = [["", /Enter a price/], ["0", /Enter/], ["1.005", /multiple of 0.01/], ["1e9", /Enter/]];
  for (const [text, why] of wrong as [string, RegExp][]) {
    const said = wish(text);
    assert.match("wrong" in said ? said.wrong : "", why, text);
  }
  assert.match((wish("60000.00") as { wrong: string }).wrong, /is there now/);
  assert.match((wish("100001") as { wrong: string }).wrong, /at most/);
  assert.equal(saidOf(alert("1"), (text) => text), "BTC/USD rose to 65000.00");
  assert.equal(saidOf(alert("1", { condition: "FallsTo" }), (text) => text), "BTC/USD fell to 65000.00");
});

test("an alert is told once, whether it is pushed, read or both, and once more each time", async () => {
  let kept: string | null = null;
  let listed: Alert[] = [alert("1", { repeats: true }), alert("2")];
  const heard: string[] = [];
  const rest = {
    get: async () => listed,
    post: async () => alert("3"),
    delete: async () => alert("2"),
  } as unknown as Rest;
  const open = () =>
    new Alerts({
      rest,
      tell: ({ id, told_count }) => heard.push(`${id}:${told_count}`),
      recall: () => kept,
      remember: (text) => (kept = text),
      nowMs: () => NOW,
    });
  const page = open();
  await page.load();
  assert.deepEqual(heard, []);
  page.take(told("2"));
  page.take(told("2"));
  // What was read before that, and comes after it, takes nothing back.
  await page.load();
  listed = [alert("1", { repeats: true }), told("2")];
  await page.load();
  assert.deepEqual(heard, ["2:1"]);
  assert.deepEqual(page.liveIn("BTC/USD").map(({ id }) => id), ["1"]);

  // While the page was closed; another page of this browser tells it, and no later one.
  listed = [told("1", 2, "2026-01-01T20:00:00Z", { state: "Away" }), told("2")];
  await open().load();
  await open().load();
  assert.deepEqual(heard, ["2:1", "1:2"]);

  // What comes late is no step back.
  page.take(told("1", 2));
  page.take(told("1", 1));
  assert.equal(page.list.value.find(({ id }) => id === "1")?.told_count, 2);
  await page.set({ market: "BTC/USD", condition: "RisesTo", price: "1" });
  await page.remove("2");
  assert.deepEqual(page.list.value.map(({ id }) => id), ["3", "1"]);
});

test("what is remembered wrongly is forgotten", () => {
  for (const text of [null, "", "{", "null", "1"]) assert.deepEqual(readSeen(text), {});
  assert.deepEqual(readSeen('{"1": 2, "2": "x"}'), { 1: 2 });
});
