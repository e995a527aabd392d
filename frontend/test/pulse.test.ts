/** The heartbeat: what was lost on the way shows, and a line that says nothing is given up. */

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { BEAT_MS, type Beat, HIDDEN_BEAT_MS, PINGS_MS, Pulse, SILENT_MS } from "../src/link/pulse.ts";
import { ApiError } from "../src/link/rest.ts";

beforeEach(() => mock.method(console, "warn", () => undefined));

/** A line whose answers the test gives. */
function lineOf() {
  const asked: { method: string; params: unknown; answer: (pushes: number) => Promise<void>; fail: (code: string) => Promise<void> }[] = [];
  const beats: Beat[] = [];
  const line = {
    isOpen: true,
    pushes: 0,
    heardMs: 0,
    renewals: 0,
    drops: 0,
    renewAll: () => void (line.renewals += 1),
    drop: () => void (line.drops += 1),
    request: <T>(method: string, params: unknown) =>
      new Promise<T>((resolve, reject) => {
        const settled = () => new Promise<void>((done) => setImmediate(done));
        asked.push({
          method,
          params,
          answer: (pushes) => {
            line.heardMs = clock.now;
            resolve({ time: "2026-01-31T12:00:00Z", pushes, market: null } as T);
            return settled();
          },
          fail: (code) => {
            reject(new ApiError("No.", code, 0));
            return settled();
          },
        });
      }),
  };
  const clock = { now: 0 };
  const pulse = new Pulse(line, () => "BTC/USD", (beat) => beats.push(beat), () => clock.now);
  return { line, clock, pulse, asked, beats };
}

test("it beats while somebody looks, seldom while nobody does, and not without a line", () => {
  const { line, clock, pulse, asked } = lineOf();
  pulse.tick(false);
  pulse.tick(false);
  assert.deepEqual(asked.map(({ params }) => params), [{ market: "BTC/USD" }]);
  clock.now = BEAT_MS;
  pulse.tick(true);
  assert.equal(asked.length, 1);
  pulse.tick(false);
  assert.equal(asked.length, 2);
  clock.now += HIDDEN_BEAT_MS;
  line.isOpen = false;
  pulse.tick(true);
  assert.equal(asked.length, 2);
});

test("pushes that are missing, or too many, begin everything anew, at most once a second", async () => {
  const { line, clock, pulse, asked, beats } = lineOf();
  line.pushes = 5;
  void pulse.beat();
  await asked[0]!.answer(5);
  assert.deepEqual([beats.length, line.renewals, line.pushes], [1, 0, 5]);

  clock.now = 2_000;
  void pulse.beat();
  await asked[1]!.answer(7);
  assert.deepEqual([beats.length, line.renewals, line.pushes], [1, 1, 7]);

  clock.now += 500;
  void pulse.beat();
  await asked[2]!.answer(9);
  assert.deepEqual([beats.length, line.renewals, line.pushes], [1, 1, 7], "not forgotten");
  clock.now += 500;
  void pulse.beat();
  await asked[3]!.answer(9);
  assert.equal(line.renewals, 2);
  void pulse.beat();
  await asked[4]!.answer(9);
  assert.equal(beats.length, 2);
  clock.now += 1_000;
  line.pushes = 11; // one that was lost before comes late
  void pulse.beat();
  await asked[5]!.answer(10);
  assert.deepEqual([beats.length, line.renewals, line.pushes], [2, 3, 10]);
});

test("a beat is as old as its question", async () => {
  const { clock, pulse, asked, beats } = lineOf();
  clock.now = 100;
  void pulse.beat();
  clock.now = 3_100;
  await asked[0]!.answer(0);
  assert.deepEqual([beats[0]!.sentMs, beats[0]!.latencyMs], [100, 3_000]);
});

test("a line that says nothing is given up; one that is slow is not", async () => {
  const { line, clock, pulse, asked } = lineOf();
  pulse.tick(false);
  for (let tick = 0; tick < 30; tick += 1) {
    clock.now += 1_000;
    line.heardMs = clock.now - 500; // late pushes
    pulse.tick(false);
  }
  assert.equal(line.drops, 0);
  clock.now = line.heardMs + SILENT_MS + 1;
  pulse.tick(false);
  assert.equal(line.drops, 1);
  for (const { fail } of asked) await fail("network");
  // The next connection has its own time.
  clock.now += 60_000;
  pulse.tick(false);
  clock.now += SILENT_MS;
  pulse.tick(false);
  assert.equal(line.drops, 1);
});

test("an exchange that knows no pulse is alive as far as it answers", async () => {
  const { clock, pulse, asked, beats } = lineOf();
  void pulse.beat();
  await asked[0]!.fail("rate_limited");
  void pulse.beat();
  await asked[1]!.fail("not_found");
  assert.equal(beats.length, 0);
  void pulse.beat();
  await asked[2]!.answer(0);
  assert.deepEqual([asked[2]!.method, beats[0]!.market], ["ping", null]);
  clock.now += PINGS_MS;
  void pulse.beat();
  assert.equal(asked[3]!.method, "pulse");
});
