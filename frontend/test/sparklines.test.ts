import assert from "node:assert/strict";
import { test } from "node:test";

import { pointsOf, Sparklines } from "../src/state/sparklines.ts";

/** An exchange that answers when it is told to. */
class Held {
  readonly asked: string[] = [];
  readonly #open: (() => void)[] = [];

  get<T>(path: string): Promise<T> {
    this.asked.push(path);
    const candles = ["3", "1", "2"].map((close) => ({ close }));
    return new Promise((resolve) => this.#open.push(() => resolve({ candles } as T)));
  }

  async answer(): Promise<void> {
    this.#open.shift()?.();
    await new Promise(setImmediate);
  }
}

test("each market is asked for once, three at a time, and of at most sixty", async () => {
  const rest = new Held();
  const lines = new Sparklines(rest);
  let told = 0;
  lines.changed.watch(() => told++);
  for (const round of [1, 2]) for (let n = 0; n < 80; n++) lines.of(`A${n}/USD`), void round;
  assert.equal(rest.asked.length, 3);
  assert.match(rest.asked[0]!, /^\/markets\/A0-USD\/candles\?interval=1h&limit=24$/);
  await rest.answer();
  assert.equal(rest.asked.length, 4);
  for (let n = 1; n < 60; n++) await rest.answer();
  assert.deepEqual([rest.asked.length, told], [60, 61]);
  assert.deepEqual(lines.of("A0/USD"), [2, 1, 3]);
  assert.deepEqual(lines.of("A79/USD"), []);
});

test("prices become a line from edge to edge, highest at the top", () => {
  assert.equal(pointsOf([1, 3, 2], 64, 18), "0.0,17.0 32.0,1.0 64.0,9.0");
  assert.equal(pointsOf([5, 5], 64, 18), "0.0,9.0 64.0,9.0");
  assert.equal(pointsOf([5], 64, 18), "");
});
