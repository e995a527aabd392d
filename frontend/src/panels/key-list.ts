/** The list of keys, and the switch that turns hot keys on. Loaded when it is asked for. */

import { h } from "../core/dom.ts";
import { LISTED } from "../state/hot-keys.ts";
import type { Preferences } from "../state/preferences.ts";

let dialog: HTMLDialogElement | null = null;

export function open(page: HTMLElement, preferences: Preferences): void {
  dialog ??= build(page, preferences);
  if (!dialog.open) dialog.showModal();
}

function build(page: HTMLElement, preferences: Preferences): HTMLDialogElement {
  const box = h("input", { type: "checkbox" });
  box.addEventListener("change", () => preferences.change({ hot_keys: box.checked }));
  const rows = LISTED.map(([keys, what, isAlways]) =>
    h(
      "div",
      { class: isAlways ? "" : "hot" },
      h("dt", {}, ...keys.split(", ").map((key) => h("kbd", { text: key }))),
      h("dd", { text: what }),
    ),
  );
  const list = h("dl", { class: "key-list" }, ...rows);
  preferences.chosen.watch(({ hot_keys }) => {
    box.checked = hot_keys;
    list.classList.toggle("off", !hot_keys);
  });
  const made = h(
    "dialog",
    { class: "dialog", attrs: { "aria-labelledby": "key-list-title" } },
    h("h2", { text: "Keys", attrs: { id: "key-list-title" } }),
    h("label", { class: "check" }, box, "Hot keys are on"),
    list,
    h(
      "div",
      { class: "dialog-actions" },
      h("button", { class: "button primary", type: "button", text: "Done", onClick: () => made.close() }),
    ),
  );
  page.append(made);
  return made;
}
