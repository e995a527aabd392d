/** The dead-man's switch: put off while the page lives, and honest about everything else. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../src/link/rest.ts";
import { DeadMansSwitch, type Held } from "../src/state/switch.ts";

/** A browser with pages, and an exchange that takes or refuses what they ask. */
function browser() {
  const world = { now: 1_000_000, held: null as Held | null, set: [] as number[], isAway: false };
  const open = (page: string, before: string | null = null) =>
    new DeadMansSwitch({
      set: (timeoutMs) => {
        if (world.isAway) return Promise.reject(new ApiError("Not connected.", "network", 0));
        world.set.push(timeoutMs);
        return Promise.resolve();
      },
      shelf: { read: () => world.held, write: (held) => void (world.held = held) },
      page,
      before,
      nowMs: () => world.now,
    });
  const pass = async (dead: DeadMansSwitch, seconds: number) => {
    for (let half = 0; half < seconds * 2; half += 1) {
      world.now += 500;
      dead.tick();
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  return { world, open, pass };
}

test("it is put off three times within its time, and counts down", async () => {
  const { world, open, pass } = browser();
  const dead = open("a");
  await dead.turnOn(30);
  assert.equal(dead.leftMs, 30_000);
  await pass(dead, 9.5);
  assert.deepEqual(world.set, [30_000]);
  assert.equal(dead.leftMs, 20_500);
  await pass(dead, 1);
  assert.deepEqual(world.set, [30_000, 30_000]);
  assert.equal(dead.state, "on");
  await pass(dead, 300);
  assert.equal(dead.state, "on");
  await dead.turnOff();
  assert.equal(world.set.at(-1), 0);
  assert.deepEqual([dead.state, dead.leftMs, world.held], ["off", null, null]);
});

test("a page that cannot put it off says when it fired, and does not put on another", async () => {
  const { world, open, pass } = browser();
  const dead = open("a");
  await dead.turnOn(15);
  world.isAway = true;
  await pass(dead, 14);
  assert.equal(dead.state, "on");
  assert.equal(dead.error, "Not connected.");
  await pass(dead, 1.5);
  assert.equal(dead.state, "fired");
  world.isAway = false;
  await pass(dead, 30);
  assert.deepEqual(world.set, [15_000]);
  assert.equal(dead.state, "fired");
});

test("what the exchange does not take is not on, and what it does not end is not off", async () => {
  const { world, open } = browser();
  const dead = open("a");
  world.isAway = true;
  await dead.turnOn(30);
  assert.deepEqual([dead.state, dead.error], ["off", "Not connected."]);
  world.isAway = false;
  await dead.turnOn(30);
  world.isAway = true;
  await dead.turnOff();
  assert.equal(dead.state, "on");
  assert.match(dead.error, /still on/);
});

test("what is being ended is not put off meanwhile", async () => {
  const { world, open, pass } = browser();
  const dead = open("a");
  await dead.turnOn(15);
  world.now += 6_000; // it is due to be put off
  const ending = dead.turnOff();
  dead.tick();
  await ending;
  await pass(dead, 10);
  assert.deepEqual([world.set, world.held, dead.state], [[15_000, 0], null, "off"]);
});

test("of two pages one holds it; it can be taken over, and the other lets go", async () => {
  const { world, open, pass } = browser();
  const [first, second] = [open("a"), open("b")];
  await first.turnOn(30);
  second.look();
  assert.deepEqual([second.state, second.seconds, second.leftMs], ["elsewhere", 30, null]);
  await second.turnOn(60);
  first.look();
  assert.deepEqual([first.state, second.state], ["elsewhere", "on"]);
  await pass(first, 120);
  assert.deepEqual(world.set, [30_000, 60_000], "the first puts nothing off");
  assert.equal(first.state, "off", "the second has not put it off either");
});

test("a page that is loaded anew goes on with it; one after its time does not", async () => {
  const { world, open, pass } = browser();
  await open("a").turnOn(30);
  world.now += 5_000;
  world.isAway = true; // the line is not there yet
  const again = open("b", "a");
  assert.deepEqual([again.state, again.seconds, again.leftMs], ["on", 30, 25_000]);
  await pass(again, 3);
  assert.deepEqual([again.state, again.leftMs], ["on", 22_000]);
  world.isAway = false;
  await pass(again, 2);
  assert.ok(again.leftMs! > 27_000);
  assert.equal(world.held?.page, "b");
  world.now += 31_000;
  assert.equal(open("c", "b").state, "off");
});
