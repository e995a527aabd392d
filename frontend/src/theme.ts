/** Sets the theme before the first paint; loaded as a blocking script in the head. */

import { recall } from "./core/memory.ts";

const chosen = recall("theme");
document.documentElement.dataset["theme"] = chosen === "light" ? "light" : "dark";
