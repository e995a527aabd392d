/**
 * Shows what was chosen of the page before the first paint; loaded as a blocking script in the head,
 * after what the account keeps of it where the page tells that.
 */

import { showLayout, showLook } from "./panels/look.ts";
import type { Preferences } from "./link/types.ts";
import { firstChoices } from "./state/preferences.ts";

const told = document.getElementById("zavora-preferences");
const choices = firstChoices(told && (JSON.parse(told.textContent) as Preferences | null));
showLook(document.documentElement, choices);
showLayout(document.documentElement, choices);
