/** A question before something that cannot be undone. */

import { find, setText } from "../core/dom.ts";

/** Ask in a dialog; resolves to whether `action` was chosen. Escape and Keep mean no. */
export type Ask = (title: string, detail: string, action: string) => Promise<boolean>;

export function mount(dialog: HTMLDialogElement): Ask {
  const [heading, text, yes] = ["#ask-title", "#ask-detail", "#ask-yes"].map((part) =>
    find(dialog, part),
  ) as [HTMLElement, HTMLElement, HTMLElement];
  return (title, detail, action) => {
    setText(heading, title);
    setText(text, detail);
    setText(yes, action);
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  };
}
