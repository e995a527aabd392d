import assert from "node:assert/strict";
import { test } from "node:test";

import { write } from "../src/core/decimal.ts";
import { type Draft, NOTHING_ASKED } from "../src/state/draft.ts";
import { distanceOf, formLines } from "../src/state/form-lines.ts";

function draft(terms: Partial<Draft>, asks: Partial<Draft["asks"]> = {}): Draft {
  return {
    ...{ side: "Buy", type: "Limit", measure: "quantity", price: "100", quantity: "1", total: "" },
    ...{ timeInForce: "GTC", isPostOnly: false },
    ...terms,
    asks: { ...NOTHING_ASKED, ...asks },
  };
}

function shown(form: Draft, hasExits = false): string[] {
  return formLines(form, hasExits).map(
    ({ field, label, price, isUnset }) => `${field} ${label} ${write(price)}${isUnset ? "?" : ""}`,
  );
}

test("a form shows its prices once there is something to place", () => {
  assert.deepEqual(shown(draft({ quantity: "" })), []);
  assert.deepEqual(shown(draft({})), ["price Buy 100"]);
  assert.deepEqual(shown(draft({ price: "abc" })), []);
  assert.deepEqual(shown(draft({ type: "Market" })), []);
  assert.deepEqual(shown(draft({ type: "Stop" }, { stop: "96" })), ["stop Trigger 96"]);
  assert.deepEqual(shown(draft({ type: "StopLimit" }, { stop: "1,096.00" })), [
    ...["price Buy 100", "stop Trigger 1096"],
  ]);
  assert.deepEqual(shown(draft({ type: "TrailingStop" }, { stop: "96" })), []);
});

test("exits that are not set wait at the entry until they are moved away", () => {
  const form = draft({ quantity: "" }, { loss: "95" });
  assert.deepEqual(shown(form, true), ["price Buy 100", "profit Take profit 100?", "loss Stop loss 95"]);
  assert.deepEqual(shown(draft({ type: "OCO", price: "" }, { profit: "110", loss: "90" }), true), [
    ...["profit Take profit 110", "loss Stop loss 90"],
  ]);
});

test("how far exits are from the entry is told in percent", () => {
  const lines = formLines(draft({}, { profit: "102.5", loss: "99" }), true);
  assert.deepEqual(lines.map((line) => distanceOf(line, lines)), ["", "+2.50%", "-1.00%"]);
});
