import assert from "node:assert/strict";
import { test } from "node:test";

import { HotKeys, shareOf, TWICE_MS } from "../src/state/hot-keys.ts";

const PRESS = { ctrlKey: false, metaKey: false, altKey: false, isBusy: false, at: 0 };

test("keys mean what the list says, in any case, and nothing while somebody types", () => {
  const keys = new HotKeys();
  assert.equal(keys.read({ ...PRESS, key: "b" }), "buy");
  assert.equal(keys.read({ ...PRESS, key: "S" }), "sell");
  assert.equal(keys.read({ ...PRESS, key: "3" }), "share");
  assert.equal(shareOf("3"), 75);
  assert.equal(keys.read({ ...PRESS, key: "x" }), null);
  assert.equal(keys.read({ ...PRESS, key: "constructor" }), null);
  assert.equal(keys.read({ ...PRESS, key: "b", isBusy: true }), null);
  for (const held of ["ctrlKey", "metaKey", "altKey"]) {
    assert.equal(keys.read({ ...PRESS, key: "s", [held]: true }), null);
  }
});

test("only two presses of Escape, one soon after the other, cancel", () => {
  const keys = new HotKeys();
  const press = (key: string, at: number) => keys.read({ ...PRESS, key, at });
  assert.equal(press("Escape", 0), "armed");
  assert.equal(press("Escape", TWICE_MS), "cancel");
  assert.equal(press("Escape", TWICE_MS + 1), "armed");
  assert.equal(press("Escape", 2 * TWICE_MS + 2), "armed");
  press("x", 2 * TWICE_MS + 3);
  assert.equal(press("Escape", 2 * TWICE_MS + 4), "armed");
});
