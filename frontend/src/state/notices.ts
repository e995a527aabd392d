/** The notices of before: the last hundred, kept in this browser for whoever is signed in. */

import type { NoticeKind, Tone } from "../core/notice.ts";
import { Signal } from "../core/signal.ts";

export const KEPT_MAX = 100;
const TEXT_LENGTH_MAX = 300;
const KINDS: readonly NoticeKind[] = ["order", "fill", "reject", "alert", "money", "connection", "other"];
const TONES: readonly Tone[] = ["good", "bad", "plain"];

export interface Notice {
  title: string;
  detail: string;
  tone: Tone;
  kind: NoticeKind;
  /** Milliseconds since 1970. */
  at: number;
}

/** What is shown of the history: all, or some kinds. */
export const FILTERS: Record<string, { label: string; kinds: readonly NoticeKind[] }> = {
  all: { label: "All", kinds: KINDS },
  orders: { label: "Orders", kinds: ["order", "reject"] },
  fills: { label: "Fills", kinds: ["fill"] },
  alerts: { label: "Alerts", kinds: ["alert"] },
  rest: { label: "Money and connection", kinds: ["money", "connection", "other"] },
};

/** Where they are kept; a browser that refuses storage forgets them with the page. */
export interface Store {
  read(): string | null;
  write(text: string): void;
}

interface Kept {
  notices: Notice[];
  unread: number;
}

/** What was kept; nothing where it cannot be read. */
export function readKept(text: string | null): Kept {
  try {
    const kept = JSON.parse(text ?? "{}") as Partial<Kept>;
    const notices = (Array.isArray(kept.notices) ? kept.notices : []).filter(isNotice).slice(0, KEPT_MAX);
    const unread = Number.isInteger(kept.unread) ? Math.max(0, Math.min(kept.unread!, notices.length)) : 0;
    return { notices, unread };
  } catch {
    return { notices: [], unread: 0 };
  }
}

function isNotice(value: unknown): value is Notice {
  const notice = value as Partial<Notice> | null;
  return (
    typeof notice?.title === "string" &&
    typeof notice.detail === "string" &&
    typeof notice.at === "number" &&
    TONES.includes(notice.tone!) &&
    KINDS.includes(notice.kind!)
  );
}

export class Notices {
  /** Newest first. */
  readonly list: Signal<Notice[]>;
  readonly unread: Signal<number>;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #readers: ((notice: Notice) => void)[] = [];

  constructor(store: Store, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
    const { notices, unread } = readKept(store.read());
    this.list = new Signal(notices);
    this.unread = new Signal(unread);
  }

  /** Call `read` with each notice that comes. */
  onAdded(read: (notice: Notice) => void): void {
    this.#readers.push(read);
  }

  add(title: string, detail = "", tone: Tone = "plain", kind: NoticeKind = "other"): void {
    const short = (text: string) => text.slice(0, TEXT_LENGTH_MAX);
    const notice = { title: short(title), detail: short(detail), tone, kind, at: this.#now() };
    this.list.value = [notice, ...this.list.value].slice(0, KEPT_MAX);
    this.unread.value = Math.min(this.unread.value + 1, this.list.value.length);
    this.#keep();
    for (const read of this.#readers) read(notice);
  }

  markRead(): void {
    this.unread.value = 0;
    this.#keep();
  }

  clear(): void {
    this.list.value = [];
    this.markRead();
  }

  #keep(): void {
    this.#store.write(JSON.stringify({ notices: this.list.value, unread: this.unread.value }));
  }
}
