/** Rows of the past: as far back as somebody scrolls, between days, and as a file. */

import { find, h, setText } from "../core/dom.ts";
import { csvOf } from "../state/csv.ts";
import { ANY_TIME, type Past, ROWS_MAX } from "../state/past.ts";
import { fillRows, type Rows } from "./rows.ts";

interface Item {
  created_at: string;
  market: string;
}

export interface PastParts<T extends Item> {
  past: Past<T>;
  rows: Rows<T>;
  /** What happened while the page was open. */
  live: () => readonly T[];
  /** The market that the rows are narrowed to. */
  market: () => string | null;
  redraw: () => void;
  fileName: string;
}

export class PastTable<T extends Item> {
  readonly #parts: PastParts<T>;
  readonly #body: HTMLElement;
  readonly #more: HTMLButtonElement;
  readonly #note: HTMLElement;
  readonly #from: HTMLInputElement;
  readonly #to: HTMLInputElement;
  #isShown = false;

  constructor(panel: HTMLElement, parts: PastParts<T>) {
    this.#parts = parts;
    this.#body = find(panel, "tbody");
    this.#more = find(panel, ".past-more");
    this.#note = find(panel, ".past-note");
    this.#from = find(panel, ".past-since");
    this.#to = find(panel, ".past-until");
    for (const field of [this.#from, this.#to]) {
      field.addEventListener("change", () => this.#narrow());
    }
    this.#more.addEventListener("click", () => void parts.past.more());
    const csv = find<HTMLButtonElement>(panel, ".past-csv");
    csv.addEventListener("click", () => void this.#save(csv));
    // The next page comes before its place is reached.
    const seen = new IntersectionObserver(
      (entries) => {
        if (this.#isShown && entries.some((entry) => entry.isIntersecting)) void this.#continue();
      },
      { root: panel, rootMargin: "200px" },
    );
    seen.observe(this.#more);
    parts.past.changed.watch(parts.redraw);
  }

  set isShown(isShown: boolean) {
    if (isShown === this.#isShown) return;
    this.#isShown = isShown;
    if (isShown) void this.#parts.past.more();
  }

  draw(): void {
    const { past, rows, live, market } = this.#parts;
    if (market() !== past.span.market) this.#narrow();
    const items = past.rows(live());
    fillRows(this.#body, items, rows);
    this.#body.closest("table")!.hidden = items.length === 0;
    this.#more.hidden = !past.hasMore;
    this.#more.disabled = past.isLoading;
    setText(this.#more, past.isLoading ? "Loading …" : "Show older");
    setText(this.#note, this.#noteFor(items.length));
  }

  /** Begin anew, as another account's. */
  restart(): void {
    this.#parts.past.narrow({ ...ANY_TIME, market: this.#parts.market() });
    this.#from.value = this.#to.value = "";
    if (this.#isShown) void this.#parts.past.more();
  }

  #noteFor(count: number): string {
    const { past } = this.#parts;
    if (past.hasFailed) return "Older ones could not be loaded.";
    if (past.isCut) return `These are the newest ${ROWS_MAX}. Choose days to see older ones.`;
    if (past.hasMore || past.isLoading) return "";
    return count ? "That is all." : this.#from.value || this.#to.value ? "None in these days." : "";
  }

  async #continue(): Promise<void> {
    const { past } = this.#parts;
    if (past.hasMore && !past.hasFailed) await past.more();
  }

  #narrow(): void {
    const [from, to] = [this.#from.value, this.#to.value];
    this.#parts.past.narrow({ market: this.#parts.market(), from, to });
    if (this.#isShown) void this.#parts.past.more();
  }

  /** Save what is of these days and this market, loaded or not. */
  async #save(button: HTMLButtonElement): Promise<void> {
    const { past, live, fileName } = this.#parts;
    button.disabled = true;
    try {
      while (past.hasMore && !past.hasFailed) {
        await past.more();
        if (past.isLoading) return; // another page was on its way: pressed again, it goes on
      }
      const file = new Blob([csvOf(past.rows(live()))], { type: "text/csv;charset=utf-8" });
      const url = URL.createObjectURL(file);
      const link = h("a", { href: url, attrs: { download: fileName } });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } finally {
      button.disabled = false;
    }
  }
}
