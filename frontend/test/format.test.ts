import assert from "node:assert/strict";
import { test } from "node:test";

import * as format from "../src/core/format.ts";
import * as figures from "../src/state/figures.ts";

test("a volume that is not nothing is never shown as nothing", () => {
  const shown = [
    ["0", "0.00"],
    ["0.00206", "0.00206"],
    ["0.0020649", "0.00206"],
    ["0.5", "0.50"],
    ["0.123456", "0.123"],
    ["0.000000000000000001", "0.000000000000000001"],
    ["12.3456", "12.34"],
    ["1234567", "1.23M"],
  ] as const;
  for (const [volume, text] of shown) assert.equal(format.compact(volume), text);
});

test("one's own quantities are never cut", () => {
  const market = { quantity_step: "0.00000001" } as Parameters<typeof figures.ownQuantity>[1];
  assert.equal(figures.ownQuantity("1.00000206", market), "1.00000206");
  assert.equal(figures.ownQuantity("0.4", market), "0.400000");
});

test("a change that rounds to nothing has no sign", () => {
  const shown = ["0.004", "-0.004", "0.01", "-0.01"].map(format.percent);
  assert.deepEqual(shown, ["0.00%", "0.00%", "+0.01%", "-0.01%"]);
});

test("what the API expected is told as a sentence, with thousands parted", () => {
  assert.equal(
    format.expectation("Amount", "expected at most 1000000000"),
    "Amount must be at most 1,000,000,000.",
  );
  assert.equal(format.expectation("Amount", "gone"), "Amount: gone.");
});
