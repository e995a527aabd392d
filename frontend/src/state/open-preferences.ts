/** What was chosen of the page, kept with the account where there is one. */

import type { Preferences as Kept } from "../link/types.ts";
import type { Exchange } from "./exchange.ts";
import { keeperOf, Preferences } from "./preferences.ts";

/** `told` is what the page came with: the kept choices as JSON; null without a user. */
export function openPreferences({ config, rest }: Exchange, told: string | null): Preferences {
  const kept = told ? (JSON.parse(told) as Kept) : null;
  const preferences = new Preferences(kept, config.user ? keeperOf(rest) : null);
  // What is not kept yet goes before the page does; what another browser kept comes with a look.
  addEventListener("pagehide", () => void preferences.send());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void preferences.pull();
  });
  return preferences;
}
