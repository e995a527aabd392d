/** Notices that are heard, and those that the system shows while nobody looks: both as chosen. */

import type { Notice, Notices } from "../state/notices.ts";
import type { Preferences } from "../state/preferences.ts";

const HEARD = ["fill", "reject", "alert"] as const;
const SHOWN: readonly Notice["kind"][] = ["fill", "alert"];
/** However many come at once, one tone in this time. */
const QUIET_MS = 400;

export function announce(notices: Notices, preferences: Preferences): void {
  let heardAt = -QUIET_MS;
  notices.onAdded((notice) => {
    const { sounds, desktop_notices: isShown } = preferences.value;
    const heard = HEARD.find((kind) => kind === notice.kind);
    if (sounds.on && heard && performance.now() - heardAt >= QUIET_MS) {
      heardAt = performance.now();
      void import("./sounds.ts").then(({ play }) => play(sounds[heard], sounds.volume));
    }
    if (isShown && document.hidden && SHOWN.includes(notice.kind)) showOnDesktop(notice);
  });
}

function showOnDesktop({ title, detail, kind, at }: Notice): void {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const shown = new Notification(title, { body: detail, tag: `zavora-${kind}-${at}` });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  } catch {
    // Some browsers let only a service worker show them.
  }
}
