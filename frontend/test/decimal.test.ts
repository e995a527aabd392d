import assert from "node:assert/strict";
import { test } from "node:test";

import * as decimal from "../src/core/decimal.ts";

test("decimals are read by the API's grammar and nothing else", () => {
  for (const text of ["", "-", ".", "1.", ".5", "+1", "1e5", "1_000", "1,000", " 1", "NaN", "٣"]) {
    assert.equal(decimal.parse(text), null, text);
  }
  assert.equal(decimal.parse("1".repeat(41)), null);
  assert.equal(decimal.parse("0.1234567890123456789"), null);
  assert.equal(decimal.parse("-0.5"), -5n * 10n ** 17n);
});

test("a figure survives reading and writing exactly, where a float would not", () => {
  for (const text of ["0", "0.1", "-3.25", "90071992547409.930000000000000001"]) {
    assert.equal(decimal.write(decimal.read(text)), text);
  }
  assert.equal(decimal.write(decimal.read("0.1") + decimal.read("0.2")), "0.3");
  assert.equal(decimal.write(decimal.read("007.50")), "7.5");
});

test("what people type becomes what the API takes", () => {
  assert.deepEqual([" 1. ", ".5", "2", ""].map(decimal.typed), ["1", "0.5", "2", ""]);
});

test("the page's own spelling is taken back, and no other comma", () => {
  for (const [text, plain] of [
    ["61,000.00", "61000.00"],
    [" 1,234,567.5 ", "1234567.5"],
    ["1,000.", "1000"],
    ["\u00a021,000", "21000"],
  ] as const) {
    assert.equal(decimal.typed(text), plain);
    assert.equal(decimal.write(decimal.parse(decimal.typed(text))!), decimal.write(decimal.read(plain)));
  }
  for (const text of ["60000,5", "1,00", "12,3456", "0,5", "1,,000", ",100", "1,000,00", "1.000,5"]) {
    assert.equal(decimal.parse(decimal.typed(text)), null, text);
  }
  for (const amount of [0n, 1n, 10n ** 18n, 123456789012345678901234567n]) {
    const shown = decimal.showAll(amount, 2);
    assert.equal(decimal.parse(decimal.typed(shown)), amount, shown);
  }
});

test("figures are shown with separators, cut and never rounded up", () => {
  assert.equal(decimal.show(decimal.read("1234567.899"), 2), "1,234,567.89");
  assert.equal(decimal.show(decimal.read("-0.001"), 2), "0.00");
  assert.equal(decimal.show(decimal.read("-1000"), 0), "-1,000");
  assert.equal(decimal.showAll(decimal.read("0.00001"), 2), "0.00001");
});

test("steps, products and quotients round the way their name says", () => {
  const step = decimal.read("0.05");
  assert.equal(decimal.write(decimal.floorTo(decimal.read("1.07"), step)), "1.05");
  assert.equal(decimal.write(decimal.ceilTo(decimal.read("1.07"), step)), "1.1");
  assert.equal(decimal.isMultiple(decimal.read("1.1"), step), true);
  assert.equal(decimal.isMultiple(decimal.read("1.11"), step), false);
  assert.equal(
    decimal.write(decimal.multiplyDown(decimal.read("0.3"), decimal.read("20000.01"))),
    "6000.003",
  );
  const third = decimal.divideDown(decimal.read("1"), decimal.read("3"));
  assert.equal(decimal.write(third), "0.333333333333333333");
  assert.equal(decimal.decimalsOf("0.0100"), 2);
  assert.equal(decimal.decimalsOf("5"), 0);
});
