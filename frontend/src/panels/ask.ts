/** A question before something that cannot be undone. */

import { byId, setText } from "../core/dom.ts";

/** Ask in a dialog; resolves to whether `action` was chosen. Escape and Keep mean no. */
export function ask(title: string, detail: string, action: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("ask");
  setText(byId("ask-title"), title);
  setText(byId("ask-detail"), detail);
  setText(byId("ask-yes"), action);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
