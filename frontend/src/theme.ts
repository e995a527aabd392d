/** Sets the theme before the first paint; loaded as a blocking script in the head. */

import { recall } from "./config.ts";

const chosen = recall("theme");
const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
// A trading page is dark unless somebody chose light, here or for the whole system.
document.documentElement.dataset["theme"] = chosen === "light" || chosen === "dark" ? chosen : system;
