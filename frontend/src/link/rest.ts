/** The v1 REST API with the browser's session: envelope, errors, CSRF and a bounded wait. */

import type { ErrorBody } from "./types.ts";

export const BASE = "/api/v1";
const TIMEOUT_MS = 15_000;

/** A refusal by the API, or (`code` = `network`) no answer from it. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** What was expected of each field, by its name. */
  readonly fields: Record<string, string>;

  constructor(message: string, code: string, status: number, details?: unknown) {
    super(message);
    this.code = code;
    this.status = status;
    this.fields = fieldMessages(details);
  }
}

/** Flatten an error's `details` to one text a field: values may be a text, a list or an object. */
export function fieldMessages(details: unknown): Record<string, string> {
  const fields: Record<string, string> = {};
  if (details === null || typeof details !== "object" || Array.isArray(details)) return fields;
  for (const [name, value] of Object.entries(details)) {
    if (typeof value === "string") fields[name] = value;
    else if (Array.isArray(value)) fields[name] = value.map(String).join(" ");
    else if (value && typeof value === "object") fields[name] = Object.values(value).join(" ");
  }
  return fields;
}

interface Envelope {
  data?: unknown;
  /** `next` is the cursor of the page that follows, null after the last one. */
  meta?: { next?: string | null };
  error?: ErrorBody;
}

export class Rest {
  readonly #csrfCookie: string;

  constructor(csrfCookie: string) {
    this.#csrfCookie = csrfCookie;
  }

  get<T>(path: string): Promise<T> {
    return this.#send<T>("GET", path);
  }

  /** Return something that comes in pages with the cursor of the next one; null: it was the last. */
  async getPart<T>(path: string): Promise<{ part: T; next: string | null }> {
    const { data, meta } = await this.#ask("GET", path);
    return { part: data as T, next: meta?.next ?? null };
  }

  /** Return a page of a list, and the cursor of the one that follows; null after the last. */
  async getPage<T>(path: string): Promise<{ items: T[]; next: string | null }> {
    const { part, next } = await this.getPart<T[]>(path);
    return { items: part, next };
  }

  /** Return a paged list from its first page to its last; `path` has a query. */
  async getAll<T>(path: string): Promise<T[]> {
    const found: T[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const after: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const page: { items: T[]; next: string | null } = await this.getPage<T>(path + after);
      found.push(...page.items);
      cursor = page.next;
    }
    return found;
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.#send<T>("POST", path, body);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#send<T>("PATCH", path, body);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#send<T>("PUT", path, body);
  }

  delete<T>(path: string): Promise<T> {
    return this.#send<T>("DELETE", path);
  }

  async #send<T>(method: string, path: string, body?: unknown): Promise<T> {
    return (await this.#ask(method, path, body)).data as T;
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Envelope> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = csrfToken(this.#csrfCookie);
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response: Response;
    let envelope: Envelope;
    try {
      response = await fetch(BASE + path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        credentials: "same-origin",
        // What replaces something is sent although the page is left meanwhile.
        keepalive: method === "PUT",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      envelope = (await response.json()) as Envelope;
    } catch {
      throw new ApiError("The exchange did not answer. Please try again.", "network", 0);
    }
    if (response.ok && envelope.data !== undefined) return envelope;
    const error = envelope.error;
    throw new ApiError(
      error?.message ?? `The exchange answered with status ${response.status}.`,
      error?.code ?? "unknown",
      response.status,
      error?.details,
    );
  }
}

/** The CSRF token from the cookie Django set; empty where there is none. */
function csrfToken(cookieName: string): string {
  const prefix = `${cookieName}=`;
  const cookie = document.cookie.split("; ").find((part) => part.startsWith(prefix));
  return cookie ? decodeURIComponent(cookie.slice(prefix.length)) : "";
}

/** A market's path segment: `BTC/USD` -> `BTC-USD`. */
export function marketPath(symbol: string): string {
  return encodeURIComponent(symbol.replace("/", "-"));
}
