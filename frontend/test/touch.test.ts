/** Prices from the top of the book, and the worst price that a limit on slippage comes to. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { read, write } from "../src/core/decimal.ts";
import { type Draft, NOTHING_ASKED, type Prices } from "../src/state/draft.ts";
import { checkDraft } from "../src/state/ticket-rules.ts";
import { slippageError, touchPrice, withSlippage, worstWithin } from "../src/state/touch.ts";
import { MARKET } from "./market.ts";

const PRICES: Prices = { last: read("100"), bid: read("99.98"), ask: read("100.03") };
const NONE: Prices = { last: read("100"), bid: null, ask: null };
const BUY: Draft = {
  ...{ side: "Buy", type: "Market", measure: "quantity", price: "", quantity: "1", total: "" },
  ...{ timeInForce: "GTC", isPostOnly: false, asks: { ...NOTHING_ASKED, slippage: "0.3" } },
};
const SELL: Draft = { ...BUY, side: "Sell" };

test("the middle is rounded to the side where the order waits", () => {
  const priceOf = (touch: "bid" | "mid" | "ask", side: "Buy" | "Sell", prices = PRICES) => {
    const price = touchPrice(touch, side, prices, MARKET);
    return price === null ? null : write(price);
  };
  assert.deepEqual(
    [priceOf("bid", "Buy"), priceOf("mid", "Buy"), priceOf("mid", "Sell"), priceOf("ask", "Buy")],
    ["99.98", "100", "100.01", "100.03"],
  );
  assert.equal(priceOf("mid", "Buy", NONE), null);
  assert.equal(priceOf("bid", "Buy", NONE), null);
});

test("the worst price is within the percentage, on the tick, and never better than the best", () => {
  const worst = (percent: string, side: "Buy" | "Sell", prices = PRICES) => {
    const price = worstWithin(read(percent), side, prices, MARKET);
    return price === null ? null : write(price);
  };
  assert.equal(worst("0.3", "Buy"), "100.33"); // 100.33009
  assert.equal(worst("0.3", "Sell"), "99.69"); // 99.68006
  assert.equal(worst("0.001", "Buy"), "100.03");
  assert.equal(worst("0.001", "Sell"), "99.98");
  assert.equal(worst("99", "Sell", { ...PRICES, bid: read("0.01") }), "0.01");
  assert.equal(worst("50", "Buy", { ...PRICES, ask: read("90000") }), "100000");
  assert.equal(worst("1", "Buy", NONE), null);
});

test("a limit on slippage is sent as the protection price; one that was typed counts instead", () => {
  const protection = (draft: Draft) =>
    checkDraft(withSlippage(draft, PRICES, MARKET), MARKET, null, PRICES).terms?.protection_price;
  assert.equal(protection(BUY), "100.33");
  assert.equal(protection(SELL), "99.69");
  assert.equal(protection({ ...BUY, asks: { ...BUY.asks, protection: "105" } }), "105");
  assert.equal(protection({ ...BUY, asks: NOTHING_ASKED }), undefined);
  const stop: Draft = { ...BUY, type: "Stop", asks: { ...BUY.asks, stop: "110" } };
  assert.equal(protection(stop), undefined);
  const limit: Draft = { ...BUY, type: "Limit", price: "100" };
  assert.equal(protection(limit), undefined);
});

test("without a price to count from, or with no percentage, nothing is sent", () => {
  const refused = (draft: Draft, prices: Prices) =>
    checkDraft(withSlippage(draft, prices, MARKET), MARKET, null, prices);
  assert.equal(refused(BUY, NONE).terms, null);
  assert.match(refused(BUY, NONE).errors.quantity ?? "", /no price in the book/);
  for (const slippage of ["0", "100", "-1", "x"]) {
    const odd: Draft = { ...BUY, asks: { ...NOTHING_ASKED, slippage } };
    assert.match(refused(odd, PRICES).errors.quantity ?? "", /less than 100%/);
  }
  assert.equal(slippageError({ ...BUY, asks: { ...BUY.asks, protection: "1" } }, NONE), "");
});
