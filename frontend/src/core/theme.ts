/** Dark or light: the choice, and its colours for what is drawn on a canvas. */

import { recall, remember } from "./memory.ts";

export const THEME_CHANGED = "zavora:theme";

/** Show what was chosen last, dark at first. */
export function recallTheme(): void {
  document.documentElement.dataset["theme"] = recall("theme") === "light" ? "light" : "dark";
}

export function switchTheme(): void {
  const root = document.documentElement;
  const next = root.dataset["theme"] === "light" ? "dark" : "light";
  root.dataset["theme"] = next;
  remember("theme", next);
  dispatchEvent(new Event(THEME_CHANGED));
}

/** A colour of the current theme. */
export function themeColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
