/** The button that opens the page's settings, which are loaded then. */

import type { Preferences } from "../state/preferences.ts";

/** Return what opens them, from wherever they are asked for. */
export function mount(button: HTMLElement, page: HTMLElement, preferences: Preferences): () => void {
  const open = async () => {
    const { open: show } = await import("./settings.ts");
    show(page, preferences);
  };
  button.addEventListener("click", () => void open());
  return () => void open();
}
