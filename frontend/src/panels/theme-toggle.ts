/** The button that switches between dark and light. */

import { switchTheme } from "../core/theme.ts";

export function mount(button: HTMLElement): void {
  button.addEventListener("click", switchTheme);
}
