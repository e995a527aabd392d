import assert from "node:assert/strict";
import { test } from "node:test";

import type { Market } from "../src/link/types.ts";
import { describe, found, type OrderCommand, readCommand } from "../src/state/commands.ts";
import { MARKET } from "./market.ts";

function market(symbol: string): Market {
  const [base_asset = "", quote_asset = ""] = symbol.split("/");
  return { ...MARKET, symbol, base_asset, quote_asset };
}

const [BTC_USD, BTC_EUR, ETH_USD, ETH_BTC, SOL_EUR] = [
  "BTC/USD",
  "BTC/EUR",
  "ETH/USD",
  "ETH/BTC",
  "SOL/EUR",
].map(market) as [Market, Market, Market, Market, Market];
const MARKETS = [BTC_USD, BTC_EUR, ETH_USD, ETH_BTC, SOL_EUR];

/** An order in short: side, how much, market, price, and what it asks for. */
function read(text: string, current: Market | null = BTC_USD): string {
  const command = readCommand(text, MARKETS, current);
  if (!command) return "none";
  if (command.does === "nothing") return `? ${command.why}`;
  if (command.does === "cancel") return `cancel ${command.market?.symbol ?? "everywhere"}`;
  if (command.does === "alert") return `alert ${command.market.symbol} ${command.price}`;
  const { side, size, market: where, price, time, isPostOnly }: OrderCommand = command.order;
  const more = [time === "GTC" ? "" : time, isPostOnly ? "po" : ""].filter(Boolean);
  return [side, size.amount, size.of, where.symbol, price ?? "market", ...more].join(" ");
}

test("orders are read", () => {
  const orders: [text: string, expected: string][] = [
    ["buy 0.1 btc 60000 po", "Buy 0.1 base BTC/USD 60000 po"],
    ["sell 50% eth market", "Sell 50 share ETH/USD market"],
    ["BUY .5 BTC @ 60,000.50", "Buy 0.5 base BTC/USD 60000.5"],
    ["buy 2k sol/eur at 0.5", "Buy 2000 base SOL/EUR 0.5"],
    ["sell all btc-eur 61.5k ioc", "Sell 100 share BTC/EUR 61500 IOC"],
    ["buy 500 usd btc mkt", "Buy 500 quote BTC/USD market"],
    ["buy 500 usd market", "Buy 500 quote BTC/USD market"],
    ["buy 1 eth btc 0.05", "Buy 1 base ETH/BTC 0.05"],
    ["buy 1 ethbtc 0.05 fok", "Buy 1 base ETH/BTC 0.05 FOK"],
    ["sell 0.3 @61000 post-only day", "Sell 0.3 base BTC/USD 61000 Day po"],
    ["sell max market", "Sell 100 share BTC/USD market"],
    ["  buy   1   sol  12 ", "Buy 1 base SOL/EUR 12"],
  ];
  for (const [text, expected] of orders) assert.equal(read(text), expected, text);
});

test("an asset alone means the market on show, one in its currency, or the first", () => {
  assert.equal(read("buy 1 btc 9", BTC_EUR), "Buy 1 base BTC/EUR 9");
  assert.equal(read("buy 1 btc 9", SOL_EUR), "Buy 1 base BTC/EUR 9");
  assert.equal(read("buy 1 btc 9", null), "Buy 1 base BTC/USD 9");
  assert.equal(read("buy 1 btc 9", ETH_BTC), "Buy 1 base BTC/USD 9");
});

test("what is no order yet says what is missing, and is never half an order", () => {
  const misread: [text: string, why: RegExp][] = [
    ["buy", /how much/],
    ["buy btc", /“btc” is not how much/],
    ["buy 0 btc 1", /“0” is not how much/],
    ["buy -1 btc 1", /is not how much/],
    ["buy 1e5 btc 1", /is not how much/],
    ["buy 0% btc 1", /1% to 100%/],
    ["buy 101% btc 1", /1% to 100%/],
    ["buy 12.5% btc 1", /whole number/],
    ["buy 1 btc", /which price/],
    ["buy 1 btc 60000,5", /not understood/],
    ["buy 1 btc 60000 61000", /second price/],
    ["buy 1 btc 60000 market", /not both/],
    ["buy 1 btc market po", /leave out/],
    ["buy 1 btc 60000 po ioc", /cannot be IOC/],
    ["buy 1 doge 1", /no asset/],
    ["buy 1 doge/usd 1", /no market DOGE\/USD/],
    ["buy 1 btc eth sol 1", /one asset too many/],
    ["buy 1 btc 60000 quickly!", /not understood/],
    ["alert", /at which price/],
    ["alert btc", /at which price/],
    ["alert btc 1 2", /second price/],
    ["alert doge 1", /no asset/],
    ["cancel", /cancel all/],
    ["cancel btc", /cancel all/],
  ];
  for (const [text, why] of misread) assert.match(read(text), why, text);
  assert.match(read("buy 1 60000", null), /which market/);
});

test("cancelling names one market or means all", () => {
  assert.equal(read("cancel all"), "cancel everywhere");
  assert.equal(read("cancel all btc/usd"), "cancel BTC/USD");
  assert.equal(read("cancel all in eth"), "cancel ETH/USD");
  assert.match(read("cancel all doge"), /no asset/);
});

test("alerts name a price, and a market other than the one on show", () => {
  assert.equal(read("alert btc 65000"), "alert BTC/USD 65000");
  assert.equal(read("alert eth/btc at 0.05"), "alert ETH/BTC 0.05");
  assert.equal(read("alert 65k"), "alert BTC/USD 65000");
});

test("what does not begin as a command is none", () => {
  for (const text of ["", "btc", "buyer", "settings", "60000"]) assert.equal(read(text), "none");
});

test("what would be sent is said in words", () => {
  const terms = { market: "BTC/USD", side: "Buy", order_type: "Limit", price: "60000" } as const;
  const command = readCommand("buy 0.1 60000 po", MARKETS, BTC_USD);
  assert.ok(command?.does === "order");
  const { order } = command;
  const limit = { ...terms, quantity: "0.1", post_only: true } as const;
  assert.equal(describe(limit, order), "Buy 0.1 BTC at 60,000 USD, post-only");
  const amount = { market: "BTC/USD", side: "Buy", order_type: "Market", quote_quantity: "500" } as const;
  assert.equal(describe(amount, order), "Buy BTC for 500 USD at the market");
  const good = describe({ ...limit, post_only_mode: "Slide" }, { ...order, time: "Day" });
  assert.equal(good, "Buy 0.1 BTC at 60,000 USD, Day, post-only, may slide");
});

test("entries are found by how their words begin, whole beginnings first", () => {
  const entries = ["Go to BTC/USD", "Theme: dark", "BTC/USD", "Density: compact"].map((label) => ({ label }));
  const labels = (text: string) => found(entries, text).map(({ label }) => label);
  assert.deepEqual(labels("btc"), ["BTC/USD", "Go to BTC/USD"]);
  assert.deepEqual(labels("usd b"), ["Go to BTC/USD", "BTC/USD"]);
  assert.deepEqual(labels("dar th"), ["Theme: dark"]);
  assert.deepEqual(labels("tc"), []);
  assert.equal(labels("").length, 4);
});
