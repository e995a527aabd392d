/** Behaviour of the account pages; they work without it. */

import { forget } from "./core/memory.ts";
import { followSystem, showTheme } from "./core/theme.ts";
import { Rest } from "./link/rest.ts";
import { mount as mountPasskeys } from "./panels/passkeys.ts";
import { mount as mountPassword } from "./panels/password.ts";
import { mount as mountThemeToggle } from "./panels/theme-toggle.ts";
import { keeperOf, Preferences } from "./state/preferences.ts";

const themeToggle = document.getElementById("theme-toggle");
if (themeToggle) {
  // Of somebody who is logged in the account keeps it, too.
  const cookie = themeToggle.dataset["csrfCookie"];
  const keeper = cookie ? keeperOf(new Rest(cookie)) : null;
  const preferences = new Preferences(null, keeper, (run) => run());
  mountThemeToggle(themeToggle, (theme) => {
    preferences.change({ theme });
    showTheme(theme);
  });
}
followSystem();

// Who logs out leaves no notices of theirs to who sits here next.
document.querySelector('form[action="/logout"]')?.addEventListener("submit", () => forget("notices."));

mountPasskeys(document.body);

for (const input of document.querySelectorAll<HTMLInputElement>(".form-field > input[type=password]")) {
  mountPassword(input);
}

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset["copy"]!);
    await navigator.clipboard.writeText(source?.textContent?.trim() ?? "");
    button.textContent = "Copied";
  });
}

// What cannot be undone asks first.
for (const form of document.querySelectorAll<HTMLFormElement>("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!confirm(form.dataset["confirm"])) event.preventDefault();
  });
}

document.querySelector<HTMLElement>(".has-error input, .has-error select, .has-error textarea")?.focus();
