import assert from "node:assert/strict";
import { test } from "node:test";

import { clockOf } from "../src/core/zones.ts";
import { defaultSettings, readNumbers, readSettings } from "../src/state/chart-settings.ts";

test("what is remembered is what is drawn again", () => {
  const settings = defaultSettings();
  settings.kind = "heikin";
  settings.isLog = true;
  settings.studies.sma = { isOn: true, numbers: [7, 25, 99] };
  assert.deepEqual(readSettings(JSON.stringify(settings)), settings);
});

test("what a browser remembers of something else leaves the rest as it is at first", () => {
  for (const text of [null, "", "{", "7", "null", "[]", '{"kind": "toString", "studies": 3}']) {
    assert.deepEqual(readSettings(text), defaultSettings());
  }
  const odd = '{"zone": "utc", "isLog": 1, "studies": {"rsi": {"isOn": true, "numbers": [0]}}}';
  const read = readSettings(odd);
  assert.deepEqual([read.zone, read.isLog, read.studies.rsi], [
    "utc",
    false,
    { isOn: true, numbers: [14] },
  ]);
});

test("numbers of a study are as many as it has, and in their order", () => {
  assert.deepEqual(readNumbers("sma", " 7, 25 99"), [7, 25, 99]);
  assert.deepEqual(readNumbers("bollinger", "20, 2.5"), [20, 2.5]);
  assert.deepEqual(readNumbers("vwap", ""), []);
  for (const text of ["", "0", "1.5", "501", "a", "1 2 3 4 5"])
    assert.equal(readNumbers("ema", text), null);
  assert.deepEqual([readNumbers("macd", "26 12 9"), readNumbers("macd", "12 26")], [null, null]);
});

test("a moment reads by the clock of its zone", () => {
  const moment = Date.UTC(2027, 6, 1, 22, 30, 5) / 1000;
  assert.equal(clockOf("UTC").time(moment, false), "22:30");
  assert.equal(clockOf("Asia/Tokyo").time(moment, true), "07:30:05");
  assert.match(clockOf("Asia/Tokyo").day(moment), /2/);
  assert.equal(clockOf("Nowhere/Land").time(moment, false), "22:30");
});
