import assert from "node:assert/strict";
import { test } from "node:test";

import { KEPT_MAX, type Notice, Notices, readKept, type Store } from "../src/state/notices.ts";

function storeWith(text: string | null): Store & { text: string | null } {
  return {
    text,
    read() {
      return this.text;
    },
    write(next) {
      this.text = next;
    },
  };
}

test("notices are kept newest first, counted until they are looked at, and bounded", () => {
  const store = storeWith(null);
  let now = 0;
  const notices = new Notices(store, () => ++now);
  const told: string[] = [];
  notices.onAdded(({ title }) => told.push(title));
  for (let number = 0; number < KEPT_MAX + 5; number++) notices.add(`${number}`, "", "good", "fill");
  assert.equal(told.length, KEPT_MAX + 5);
  assert.equal(notices.unread.value, KEPT_MAX);

  // Another page of the same browser has them all.
  const next = new Notices(store);
  assert.equal(next.list.value.length, KEPT_MAX);
  assert.deepEqual(next.list.value[0], {
    ...{ title: `${KEPT_MAX + 4}`, detail: "", tone: "good", kind: "fill", at: KEPT_MAX + 5 },
  });
  assert.equal(next.unread.value, KEPT_MAX);
  next.markRead();
  assert.equal(new Notices(store).unread.value, 0);
  next.clear();
  assert.deepEqual(new Notices(store).list.value, []);
});

test("what is remembered wrongly is forgotten, and no text is long", () => {
  const good: Notice = { title: "Bought", detail: "", tone: "good", kind: "fill", at: 1 };
  for (const text of ["", "{", "null", "[]", '{"notices": 1}']) {
    assert.deepEqual(readKept(text), { notices: [], unread: 0 }, text);
  }
  const kept = { notices: [good, { ...good, kind: "odd" }, { ...good, at: "now" }, null], unread: 9 };
  assert.deepEqual(readKept(JSON.stringify(kept)), { notices: [good], unread: 1 });

  const notices = new Notices(storeWith(null));
  notices.add("x".repeat(1_000), "y".repeat(1_000));
  assert.equal(notices.list.value[0]!.title.length, 300);
});
