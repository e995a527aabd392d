import assert from "node:assert/strict";
import { test } from "node:test";

import { type Bar, fillGaps, mergeBars } from "../src/state/bars.ts";

function bar(time: number, close: string, trades = 1): Bar {
  const candle = {
    market: "BTC/USD",
    interval: "Minute1",
    open_time: "",
    close_time: "",
    open: "1",
    high: "9",
    low: "1",
    close,
    volume: "5",
    quote_volume: "5",
    trades,
  };
  return { time, candle };
}

const shown = (bars: Bar[]) => bars.map(({ time, candle }) => `${time}:${candle.close}`);

test("bars are merged in rising time, and the one with more trades is kept", () => {
  const known = [bar(60, "1"), bar(120, "2", 3)];
  assert.deepEqual(shown(mergeBars(known, [bar(120, "7", 9), bar(180, "3")])), [
    "60:1",
    "120:7",
    "180:3",
  ]);
  assert.deepEqual(shown(mergeBars([bar(120, "7", 9)], known)), ["60:1", "120:7"]);
});

test("an interval without a trade becomes a flat bar at the last close", () => {
  const filled = fillGaps([bar(60, "4"), bar(240, "5"), bar(300, "6")], "1m");
  assert.deepEqual(shown(filled), ["60:4", "120:4", "180:4", "240:5", "300:6"]);
  const { open, high, low, volume } = filled[1]!.candle;
  assert.deepEqual([open, high, low, volume], ["4", "4", "4", "0"]);
});

test("a hole too large to fill is left as it is", () => {
  const bars = [bar(0, "1"), bar(60 * 100_000, "2"), bar(60 * 100_002, "3")];
  assert.deepEqual(shown(fillGaps(bars, "1m")), ["0:1", "6000000:2", "6000060:2", "6000120:3"]);
});
