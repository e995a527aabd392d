/** What this browser remembers; one that refuses storage forgets it with the page. */

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`zavora.${key}`, value);
  } catch {
    // Private windows may refuse storage; the choice then lasts as long as the page.
  }
}

/** Forget all whose keys begin so. */
export function forget(prefix: string): void {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(`zavora.${prefix}`));
    for (const key of keys) localStorage.removeItem(key);
  } catch {
    // There is nothing where storage is refused.
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`zavora.${key}`);
  } catch {
    return null;
  }
}

/** What this tab alone remembers, also when it is loaded anew; null where it cannot. */
export function recallHere(key: string): string | null {
  try {
    return sessionStorage.getItem(`zavora.${key}`);
  } catch {
    return null;
  }
}

export function rememberHere(key: string, value: string): void {
  try {
    sessionStorage.setItem(`zavora.${key}`, value);
  } catch {
    // The choice lasts until the tab is loaded anew.
  }
}
