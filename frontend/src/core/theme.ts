/** Dark, light, or as the system has it; and the colours in force, for what is drawn on a canvas. */

export type ThemeChoice = "system" | "dark" | "light";

/** Told wherever colours have changed. */
export const THEME_CHANGED = "zavora:theme";

const IS_LIGHT = "(prefers-color-scheme: light)";
let chosen: ThemeChoice = "system";

export function resolveTheme(choice: ThemeChoice): "dark" | "light" {
  if (choice !== "system") return choice;
  return matchMedia(IS_LIGHT).matches ? "light" : "dark";
}

export function showTheme(choice: ThemeChoice): void {
  chosen = choice;
  document.documentElement.dataset["theme"] = resolveTheme(choice);
}

/** Follow the system where nothing else was chosen. */
export function followSystem(): void {
  matchMedia(IS_LIGHT).addEventListener("change", () => {
    if (chosen !== "system") return;
    showTheme(chosen);
    tellColours();
  });
}

/** What a switch between dark and light leads to. */
export function otherTheme(): "dark" | "light" {
  return document.documentElement.dataset["theme"] === "light" ? "dark" : "light";
}

export function tellColours(): void {
  dispatchEvent(new Event(THEME_CHANGED));
}

/** A colour of the current theme. */
export function themeColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
