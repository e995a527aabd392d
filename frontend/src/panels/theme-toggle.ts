/** The button that switches between dark and light. */

import { remember } from "../core/memory.ts";

export const THEME_CHANGED = "zavora:theme";

export function initThemeToggle(): void {
  document.getElementById("theme-toggle")?.addEventListener("click", () => {
    const root = document.documentElement;
    const next = root.dataset["theme"] === "light" ? "dark" : "light";
    root.dataset["theme"] = next;
    remember("theme", next);
    dispatchEvent(new Event(THEME_CHANGED));
  });
}

/** A colour of the current theme, for what is drawn on a canvas. */
export function themeColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
