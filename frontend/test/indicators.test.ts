import assert from "node:assert/strict";
import { test } from "node:test";

import { bollinger, ema, macd, type Points, rsi, sma, vwap } from "../src/state/indicators.ts";

/** The closes of StockCharts ChartSchool's table of moving averages, and its figures. */
const MOVING = [
  ...[22.27, 22.19, 22.08, 22.17, 22.18, 22.13, 22.23, 22.43, 22.24, 22.29],
  ...[22.15, 22.39, 22.38, 22.61, 23.36, 24.05, 23.75, 23.83, 23.95, 23.63],
];
/** The closes of its table of the relative strength index. */
const STRONG = [
  ...[44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826],
  ...[45.8931, 46.0328, 45.614, 46.282, 46.282, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439],
];

const shown = (points: Points) => points.map((point) => point?.toFixed(2) ?? "");
const nothing = (count: number) => Array<string>(count).fill("");

test("moving averages are those of a worked table", () => {
  assert.deepEqual(shown(sma(MOVING, 10)), [
    ...nothing(9),
    ...["22.22", "22.21", "22.23", "22.26", "22.30", "22.42", "22.61", "22.77", "22.91"],
    ...["23.08", "23.21"],
  ]);
  assert.deepEqual(shown(ema(MOVING, 10)), [
    ...nothing(9),
    ...["22.22", "22.21", "22.24", "22.27", "22.33", "22.52", "22.80", "22.97", "23.13"],
    ...["23.28", "23.34"],
  ]);
});

test("the relative strength index is that of a worked table", () => {
  const expected = ["70.53", "66.32", "66.55", "69.41", "66.36", "57.97"];
  assert.deepEqual(shown(rsi(STRONG, 14)), [...nothing(14), ...expected]);
});

test("strength without losses is 100, without gains 0, without changes 50", () => {
  assert.deepEqual(rsi([1, 2, 3], 2), [null, null, 100]);
  assert.deepEqual(rsi([3, 2, 1], 2), [null, null, 0]);
  assert.deepEqual(rsi([2, 2, 2], 2), [null, null, 50]);
});

test("bands stand as many deviations of the population from the mean as asked", () => {
  // Mean 5 and variance 4, as in every textbook.
  const { upper, middle, lower } = bollinger([2, 4, 4, 4, 5, 5, 7, 9], 8, 2);
  assert.deepEqual([upper.at(-1), middle.at(-1), lower.at(-1)], [9, 5, 1]);
  assert.deepEqual(upper.slice(0, 7), Array(7).fill(null));
});

test("on a ramp averages lag by half their length, so that their distance is known", () => {
  const ramp = Array.from({ length: 60 }, (_, index) => index);
  const { macd: line, signal, histogram } = macd(ramp, 12, 26, 9);
  // (26 - 1) / 2 - (12 - 1) / 2
  assert.deepEqual([line[24], line[25], line.at(-1)?.toFixed(9)], [null, 7, "7.000000000"]);
  assert.deepEqual([signal[32], signal[33]?.toFixed(9)], [null, "7.000000000"]);
  assert.equal(histogram.at(-1)?.toFixed(9), "0.000000000");
  assert.equal(histogram[32], null);
});

test("the weighted average begins anew with each session", () => {
  const sessionOf = (time: number) => time - (time % 100);
  const bars = [
    { time: 50, volume: 1, amount: 10 },
    { time: 100, volume: 2, amount: 20 },
    { time: 150, volume: 2, amount: 24 },
    { time: 200, volume: 0, amount: 0 },
    { time: 250, volume: 1, amount: 9 },
  ];
  assert.deepEqual(vwap(bars, sessionOf, false), [null, 10, 11, null, 9]);
  assert.deepEqual(vwap(bars, sessionOf, true)[0], 10);
});

test("nothing comes of nothing", () => {
  assert.deepEqual([sma([], 3), ema([], 3), rsi([], 3), bollinger([], 3, 2).upper], [[], [], [], []]);
  assert.deepEqual(macd([1, 2], 1, 2, 9).signal, [null, null]);
  assert.deepEqual(vwap([], (time) => time, false), []);
});
