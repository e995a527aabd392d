import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { ApiError } from "../src/link/rest.ts";
import type { Preferences as Kept } from "../src/link/types.ts";
import { presetLayout } from "../src/state/layouts.ts";
import {
  type Choices,
  firstChoices,
  type Keeper,
  Preferences,
  recallChoices,
  whole,
} from "../src/state/preferences.ts";

/** What a browser remembers; there is none here. */
const memory = new Map<string, string>();
Object.assign(globalThis, {
  localStorage: {
    getItem: (key: string) => memory.get(key) ?? null,
    setItem: (key: string, value: string) => void memory.set(key, value),
  },
});
beforeEach(() => memory.clear());

/** The account's side, as the exchange keeps it. */
class Account implements Keeper {
  kept: Kept = { version: 0, document: {}, updated_at: null };
  writes = 0;
  isAway = false;

  async read(): Promise<Kept> {
    if (this.isAway) throw new ApiError("no answer", "network", 0);
    return structuredClone(this.kept);
  }

  async write(document: Choices, version: number): Promise<Kept> {
    this.writes++;
    if (this.isAway) throw new ApiError("no answer", "network", 0);
    if (version !== this.kept.version) throw new ApiError("changed elsewhere", "conflict", 409);
    this.kept = { version: version + 1, document: structuredClone(document), updated_at: null };
    return structuredClone(this.kept);
  }
}

const never = () => undefined;

test("a visitor's choices stay in the browser", () => {
  const visitor = new Preferences(null, null, never);
  visitor.change({ theme: "light", favourites: ["BTC/USD"], layout: presetLayout("scalp") });
  const again = new Preferences(null, null, never).value;
  assert.deepEqual([again.theme, again.favourites, again.layout.preset], ["light", ["BTC/USD"], "scalp"]);
  assert.deepEqual(again.layout.hidden, ["markets"]);
});

test("what a browser remembers wrongly is forgotten, but for the theme", () => {
  memory.set("zavora.page", "{");
  memory.set("zavora.theme", "light");
  assert.deepEqual(recallChoices(), { ...whole({}), theme: "light" });
  memory.set("zavora.theme", "pink");
  assert.equal(recallChoices().theme, "system");
});

test("a user begins with what the account keeps, and with the browser's own before there is any", () => {
  memory.set("zavora.theme", "dark");
  assert.equal(firstChoices({ version: 0, document: {}, updated_at: null }).theme, "dark");
  assert.equal(firstChoices({ version: 1, document: { theme: "light" }, updated_at: null }).theme, "light");
});

test("of a user the look alone is left in the browser", () => {
  const user = new Preferences(null, new Account(), never);
  const layouts = [{ ...presetLayout("watch"), name: "mine" }];
  user.change({ density: "compact", layouts, favourites: ["BTC/USD"] });
  const left = recallChoices();
  assert.deepEqual([left.density, left.layouts, left.favourites], ["compact", [], []]);
});

test("changes are sent together, and once", async () => {
  const account = new Account();
  const page = new Preferences(account.kept, account, never);
  page.change({ theme: "light" });
  page.change({ hot_keys: true });
  await page.send();
  await page.send();
  assert.equal(account.writes, 1);
  assert.deepEqual([account.kept.version, account.kept.document.hot_keys], [1, true]);
});

test("of two browsers each one's change stays, and of the same choice the later one", async () => {
  const account = new Account();
  const [one, other] = [0, 1].map(() => new Preferences(account.kept, account, never)) as [
    Preferences,
    Preferences,
  ];
  one.change({ theme: "light", density: "compact" });
  await one.send();
  other.change({ palette: "teal_pink", density: "comfortable" });
  await other.send();
  const { theme, density, palette } = account.kept.document;
  assert.deepEqual([theme, density, palette], ["light", "comfortable", "teal_pink"]);
  assert.equal(other.value.theme, "light");

  await one.pull();
  assert.deepEqual([one.value.palette, one.value.density], ["teal_pink", "comfortable"]);
  assert.equal(account.kept.version, 2);
});

test("what was changed while a write was on its way is sent after it", async () => {
  const account = new Account();
  const page = new Preferences(account.kept, account, never);
  page.change({ theme: "light" });
  const sending = page.send();
  page.change({ theme: "dark" });
  await sending;
  assert.deepEqual([account.kept.version, account.kept.document.theme], [2, "dark"]);
});

test("what could not be sent goes later, upon what was written meanwhile", async () => {
  const account = new Account();
  const page = new Preferences(account.kept, account, never);
  account.isAway = true;
  page.change({ favourites: ["BTC/USD"] });
  await page.send();
  assert.equal(account.kept.version, 0);
  account.isAway = false;
  account.kept = { version: 4, document: { theme: "light" }, updated_at: null };
  await page.pull();
  const { theme, favourites } = account.kept.document;
  assert.deepEqual([account.kept.version, theme, favourites], [5, "light", ["BTC/USD"]]);
});

test("a layout that another browser deleted is not the chosen one any more", async () => {
  const account = new Account();
  const layouts = [{ ...presetLayout("watch"), name: "mine" }];
  account.kept = { version: 1, document: { layouts, layout_name: "mine" }, updated_at: null };
  const page = new Preferences(account.kept, account, never);
  page.change({ layout_name: "mine", layout: presetLayout("scalp") });
  account.kept = { version: 2, document: { layouts: [] }, updated_at: null };
  await page.send();
  assert.deepEqual([page.value.layout_name, page.value.layout.preset], ["", "scalp"]);
  assert.equal(account.kept.version, 3);
});
