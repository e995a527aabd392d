import assert from "node:assert/strict";
import { test } from "node:test";

import type { Bar } from "../src/state/bars.ts";
import { fillGaps } from "../src/state/bars.ts";
import { INTERVALS, isOfDays, nextOpen, spelled } from "../src/state/intervals.ts";
import { heikinAshi } from "../src/state/shapes.ts";

function bar(time: number, open: string, high: string, low: string, close: string): Bar {
  const candle = { open, high, low, close, volume: "1", quote_volume: "1", trades: 1 };
  return { time, candle: candle as Bar["candle"] };
}

test("Heikin-Ashi candles are those of a worked example", () => {
  const drawn = heikinAshi([bar(0, "10", "14", "8", "12"), bar(60, "12", "13", "6", "9")]);
  // close (10+14+8+12)/4, open (10+12)/2; then close (12+13+6+9)/4, open (11+11)/2.
  assert.deepEqual(drawn, [
    { time: 0, open: 11, high: 14, low: 8, close: 11 },
    { time: 60, open: 11, high: 13, low: 6, close: 10 },
  ]);
  // Its high and low hold its own open and close, where the candle's do not.
  const [, gap] = heikinAshi([bar(0, "10", "14", "8", "12"), bar(60, "20", "20", "20", "20")]);
  assert.deepEqual(gap, { time: 60, open: 11, high: 20, low: 11, close: 20 });
});

test("each interval is read as it is written, and the next one opens where the calendar says", () => {
  assert.deepEqual([spelled("Minute15"), spelled("Second1"), spelled("Month1")], ["15m", "1s", "1M"]);
  assert.equal(spelled("1h"), "1h");
  const day = Date.UTC(2028, 1, 1) / 1000;
  assert.equal(nextOpen("1M", day) - day, 29 * 86_400);
  assert.equal(nextOpen("3d", day) - day, 3 * 86_400);
  assert.deepEqual(INTERVALS.filter(isOfDays), ["1d", "3d", "1w", "1M"]);
});

test("months without a trade are as long as the calendar has them", () => {
  const at = (month: number) => Date.UTC(2027, month, 1) / 1000;
  const filled = fillGaps([bar(at(0), "1", "1", "1", "1"), bar(at(3), "2", "2", "2", "2")], "1M");
  assert.deepEqual(filled.map(({ time }) => time), [at(0), at(1), at(2), at(3)]);
  assert.deepEqual([filled[1]!.candle.quote_volume, filled[1]!.candle.close], ["0", "1"]);
});
