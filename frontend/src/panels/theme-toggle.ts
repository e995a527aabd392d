/** The button that switches between dark and light. */

import { otherTheme } from "../core/theme.ts";

export function mount(button: HTMLElement, onSwitch: (theme: "dark" | "light") => void): void {
  button.addEventListener("click", () => onSwitch(otherTheme()));
}
