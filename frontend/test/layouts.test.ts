import assert from "node:assert/strict";
import { test } from "node:test";

import {
  isSame,
  LIMITS,
  nameOf,
  presetLayout,
  resized,
  SAVED_MAX,
  savedWith,
  type SizeName,
  wholeLayout,
  withPanel,
} from "../src/state/layouts.ts";

test("each panel has limits, and zero means the preset's own size again", () => {
  const swing = presetLayout("swing");
  for (const [name, { min, max }] of Object.entries(LIMITS)) {
    const sized = (pixels: number) => resized(swing, name as SizeName, pixels).sizes[name as SizeName];
    assert.deepEqual([sized(1), sized(10_000), sized(min + 0.4), sized(0)], [min, max, min, 0]);
  }
  assert.equal(swing.sizes.side, 0);
});

test("panels are hidden and shown, and order does not matter to sameness", () => {
  const one = withPanel(withPanel(presetLayout("swing"), "tape", false), "book", false);
  const other = withPanel(withPanel(presetLayout("swing"), "book", false), "tape", false);
  assert.deepEqual(one.hidden, ["tape", "book"]);
  assert.ok(isSame(one, other));
  assert.ok(!isSame(one, withPanel(one, "tape", true)));
  assert.deepEqual(withPanel(one, "tape", false).hidden, ["book", "tape"]);
});

test("what was kept is completed", () => {
  assert.deepEqual(wholeLayout({ preset: "watch" }), presetLayout("watch"));
  assert.deepEqual(wholeLayout({ preset: "watch", hidden: [] }).hidden, []);
  assert.deepEqual(wholeLayout({ sizes: { side: 400 } }).sizes, { ...presetLayout("swing").sizes, side: 400 });
});

test("layouts are saved under a name, replaced by the same one, and no more than there is room for", () => {
  let saved = savedWith([], "a", presetLayout("scalp"))!;
  saved = savedWith(saved, "a", presetLayout("watch"))!;
  assert.deepEqual(saved.map(({ name, preset }) => [name, preset]), [["a", "watch"]]);
  for (let n = 1; n < SAVED_MAX; n++) saved = savedWith(saved, `a${n}`, presetLayout("swing"))!;
  assert.equal(savedWith(saved, "one more", presetLayout("swing")), null);
  assert.equal(savedWith(saved, "a", presetLayout("swing"))?.length, SAVED_MAX);
});

test("a name is what the exchange takes", () => {
  assert.equal(nameOf("  my \t layout "), "my layout");
  assert.equal(nameOf(`${"a".repeat(31)} b`), "a".repeat(31));
  assert.equal(nameOf("   "), "");
});
