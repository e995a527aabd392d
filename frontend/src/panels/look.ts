/** Theme, density, palette and layout, where the style sheet looks for them: at the root. */

import { followSystem, showTheme, tellColours } from "../core/theme.ts";
import type { SizeName } from "../state/layouts.ts";
import type { Choices, Look, Preferences } from "../state/preferences.ts";

/** The style sheet's own names of sizes. */
const VARIABLES: Record<SizeName, string> = {
  markets: "--w-markets",
  side: "--w-side",
  ticket: "--w-ticket",
  tape: "--tape-size",
  activity: "--h-activity",
};

/** Follow what is chosen; it is shown already, by the script in the head. */
export function mount(root: HTMLElement, preferences: Preferences): void {
  const colours = () => [root.dataset["theme"], root.dataset["palette"]].join();
  followSystem();
  preferences.chosen.watch((choices) => {
    const before = colours();
    showLook(root, choices);
    showLayout(root, choices);
    if (colours() !== before) tellColours();
  });
}

export function showLook(root: HTMLElement, { theme, density, palette }: Look): void {
  showTheme(theme);
  root.dataset["density"] = density;
  root.dataset["palette"] = palette;
}

type Arranged = Pick<Choices, "layout" | "is_introduced">;

export function showLayout(root: HTMLElement, { layout, is_introduced }: Arranged): void {
  root.toggleAttribute("data-introduced", is_introduced);
  root.dataset["layout"] = layout.preset;
  root.dataset["hidden"] = layout.hidden.join(" ");
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const size = layout.sizes[name as SizeName];
    if (size) root.style.setProperty(variable, `${size}px`);
    else root.style.removeProperty(variable);
  }
}
