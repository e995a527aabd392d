/** Sets the theme before the first paint; loaded as a blocking script in the head. */

import { recallTheme } from "./core/theme.ts";

recallTheme();
