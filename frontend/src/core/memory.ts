/** What Django tells the page, in the document's one JSON script. */

import type { PageConfig } from "../link/types.ts";

export function readConfig(): PageConfig {
  const element = document.getElementById("zavora-config");
  return JSON.parse(element?.textContent ?? "{}") as PageConfig;
}

/** The CSRF token from the cookie Django set; empty where there is none. */
export function csrfToken(cookieName: string): string {
  const prefix = `${cookieName}=`;
  const cookie = document.cookie.split("; ").find((part) => part.startsWith(prefix));
  return cookie ? decodeURIComponent(cookie.slice(prefix.length)) : "";
}

/** Remember a choice of this browser; a browser that refuses storage forgets it. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`zavora.${key}`, value);
  } catch {
    // Private windows may refuse storage; the choice then lasts as long as the page.
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`zavora.${key}`);
  } catch {
    return null;
  }
}
