/** Rows of the past: as far back as somebody scrolls, between days, and as a file. */

import { find, h, setText } from "../core/dom.ts";
import { isSame, type Narrowing, type Past, queryOf, ROWS_MAX } from "../state/past.ts";
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
  /** What the rows are narrowed to beside the days. */
  narrowing: () => Narrowing;
  redraw: () => void;
  /** Where a query's rows are as a file; null while there are none. */
  file: (query: string) => string | null;
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
    find(panel, ".past-csv").addEventListener("click", () => this.#save());
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
    const { past, rows, live, narrowing } = this.#parts;
    if (!isSame(narrowing(), past.span)) this.#narrow();
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
    this.#parts.past.narrow({ ...this.#parts.narrowing(), from: "", to: "" });
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
    this.#parts.past.narrow({ ...this.#parts.narrowing(), from, to });
    if (this.#isShown) void this.#parts.past.more();
  }

  /** Save what is of these days, this market and so on, loaded or not; the exchange writes it. */
  #save(): void {
    const { past, file } = this.#parts;
    const href = file(queryOf(past.span));
    if (href) h("a", { href, attrs: { download: "" } }).click();
  }
}
