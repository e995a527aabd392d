/** The proof of an order: what journal, trades and ledger say of it. Loaded when it is asked for. */

import { read, showAll } from "../core/decimal.ts";
import { h, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { ApiError } from "../link/rest.ts";
import type { JournalPlace, LedgerEntry, Market, OrderProof, OrderStep } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";

const COPIED_MS = 1_500;

let dialog: ProofDialog | null = null;

/** Show the proof of an order in a dialog of `root`'s. */
export function open(root: HTMLElement, exchange: Exchange, orderId: string): void {
  dialog ??= new ProofDialog(root, exchange);
  void dialog.show(orderId);
}

class ProofDialog {
  readonly #exchange: Exchange;
  readonly #dialog: HTMLDialogElement;
  readonly #title = h("h2", { attrs: { id: "proof-title" } });
  readonly #facts = h("dl", { class: "proof-facts" });
  readonly #steps = h("ol", { class: "proof-steps" });
  readonly #note = h("p", { class: "muted proof-note", attrs: { role: "status" } });
  readonly #more: HTMLButtonElement;
  #orderId = "";
  #cursor: string | null = null;

  constructor(root: HTMLElement, exchange: Exchange) {
    this.#exchange = exchange;
    this.#more = h("button", {
      ...{ class: "button quiet small", type: "button", text: "Show more" },
      onClick: () => void this.#load(),
    });
    this.#dialog = h(
      "dialog",
      { class: "dialog proof", attrs: { "aria-labelledby": "proof-title" } },
      this.#title,
      // It is scrolled by keyboard, too.
      h("div", { class: "proof-body", attrs: { tabindex: "0", role: "group", "aria-label": "Proof" } },
        this.#facts, this.#steps, this.#note, this.#more),
      h("div", { class: "dialog-actions" },
        h("button", {
          ...{ class: "button primary", type: "button", text: "Close" },
          onClick: () => this.#dialog.close(),
        })),
    );
    root.append(this.#dialog);
  }

  async show(orderId: string): Promise<void> {
    this.#orderId = orderId;
    this.#cursor = null;
    this.#more.hidden = true;
    setText(this.#title, "Proof of an order");
    this.#facts.replaceChildren();
    this.#steps.replaceChildren();
    if (!this.#dialog.open) this.#dialog.showModal();
    await this.#load();
  }

  async #load(): Promise<void> {
    const [orderId, cursor] = [this.#orderId, this.#cursor];
    setText(this.#note, "Loading …");
    this.#more.disabled = true;
    try {
      const after = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const path = `/orders/${encodeURIComponent(orderId)}/proof?limit=50${after}`;
      const { part, next } = await this.#exchange.rest.getPart<OrderProof>(path);
      if (orderId === this.#orderId) this.#draw(part, cursor === null, next);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (orderId === this.#orderId) setText(this.#note, format.sentence(error.message));
    } finally {
      this.#more.disabled = false;
    }
  }

  #draw(proof: OrderProof, isFirst: boolean, next: string | null): void {
    const market = this.#exchange.marketOf(proof.order.market);
    if (isFirst) {
      setText(this.#title, titleOf(proof, market));
      this.#facts.replaceChildren(...factsOf(proof));
      this.#steps.replaceChildren(placedStep(proof));
    }
    this.#steps.append(...proof.steps.map((step) => stepOf(step, market)));
    this.#cursor = next;
    this.#more.hidden = next === null;
    if (next === null) {
      if (proof.ended) this.#steps.append(endedStep(proof.ended));
      else this.#steps.append(h("li", {}, h("strong", { text: "Open" })));
    }
    setText(this.#note, "From journal, trades and ledger, as of one moment.");
  }
}

function titleOf({ order }: OrderProof, market: Market | undefined): string {
  const asked = order.quantity
    ? `${figures.ownQuantity(order.quantity, market)} ${market?.base_asset ?? ""}`
    : `for ${format.balance(order.quote_quantity ?? "0")} ${market?.quote_asset ?? ""}`;
  const price = order.price === null ? "at market" : `at ${figures.price(order.price, market)}`;
  return `${order.side} ${asked} ${price} · ${order.market}`;
}

// --- facts ---------------------------------------------------------------------------------------

function factsOf({ order, placed, fees }: OrderProof): HTMLElement[] {
  const facts: (readonly [string, string | HTMLElement])[] = [["Order", copied("order id", order.id)]];
  if (order.client_order_id) facts.push(["Your id", copied("client order id", order.client_order_id)]);
  if (placed.journal?.request_id) {
    facts.push(["Request", copied("request id", placed.journal.request_id)]);
  }
  facts.push(["Status", format.words(order.status)]);
  const paid = fees.map(({ asset, amount }) => `${showAll(read(amount), 0)} ${asset}`).join(" and ");
  facts.push(["Fees", paid || "none"]);
  return facts.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", {}, value)));
}

/** An id, and a button that copies it. */
function copied(name: string, id: string): HTMLElement {
  const button = h("button", {
    class: "button quiet small copy",
    type: "button",
    text: "Copy",
    attrs: { "aria-label": `Copy the ${name}` },
    onClick: () => void copy(id, button),
  });
  return h("span", { class: "copied" }, h("code", { class: "num", text: id }), button);
}

async function copy(text: string, button: HTMLButtonElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    setText(button, "Copied");
  } catch {
    // Pages without TLS may not write there: the id is marked instead.
    const code = button.previousElementSibling;
    if (code) getSelection()?.selectAllChildren(code);
    setText(button, "Marked");
  }
  setTimeout(() => setText(button, "Copy"), COPIED_MS);
}

// --- steps ---------------------------------------------------------------------------------------

function time(iso: string): HTMLElement {
  return h("time", { class: "num muted", text: format.exactTime(iso), attrs: { datetime: iso } });
}

/** Where it stands in the journal; empty where that is not on record, or not one's own. */
function journalText(journal: JournalPlace | null): string {
  if (!journal) return "";
  const { shard, sequence, command } = journal;
  return `Journal ${shard} / ${sequence} (${command.replaceAll("_", " ")})`;
}

function step(at: string, title: string, details: readonly string[], ...more: HTMLElement[]): HTMLElement {
  const said = details.filter(Boolean).map((text) => h("p", { class: "muted", text }));
  return h("li", {}, h("strong", { text: title }), " ", time(at), ...said, ...more);
}

function placedStep({ order, placed }: OrderProof): HTMLElement {
  const took =
    placed.milliseconds === null ? "" : `Written ${placed.milliseconds} ms after it was received`;
  const received = placed.received_at ? `Received ${format.exactTime(placed.received_at)}` : "";
  return step(order.created_at, "Placed", [journalText(placed.journal), received, took]);
}

function endedStep(ended: NonNullable<OrderProof["ended"]>): HTMLElement {
  const reason = figures.reason(ended.reason);
  return step(ended.at, format.words(ended.status), [reason, journalText(ended.journal)]);
}

function stepOf({ at, amendment, fill, prevention, journal, entries }: OrderStep, market: Market | undefined): HTMLElement {
  const ledger = entries.length ? [ledgerTable(entries)] : [];
  if (amendment) {
    const changes = [
      changed("price", amendment.price_before, amendment.price, (text) => figures.price(text, market)),
      changed("quantity", amendment.quantity_before, amendment.quantity, (text) =>
        figures.ownQuantity(text, market)),
      changed("trigger", amendment.stop_price_before, amendment.stop_price, (text) =>
        figures.price(text, market)),
    ];
    return step(at, "Amended", [changes.filter(Boolean).join(", "), journalText(journal)]);
  }
  if (fill) {
    const quantity = `${figures.ownQuantity(fill.quantity, market)} ${market?.base_asset ?? ""}`;
    const title = `${fill.side === "Buy" ? "Bought" : "Sold"} ${quantity} at ${figures.price(fill.price, market)}`;
    const amount = `${format.balance(fill.amount)} ${market?.quote_asset ?? ""}`;
    const fee = `fee ${showAll(read(fill.fee), 0)} ${fill.fee_asset}`;
    const trade = h("p", {}, "Trade ", copied("trade id", fill.id));
    return step(at, title, [`${fill.liquidity}, ${amount}, ${fee}`], trade, ...ledger);
  }
  const quantity = prevention ? figures.ownQuantity(prevention.quantity, market) : "";
  return step(at, `Self-trade of ${quantity} prevented`, [], ...ledger);
}

function changed(
  name: string,
  before: string | null,
  after: string | null,
  textOf: (text: string) => string,
): string {
  if (before === after || before === null || after === null) return "";
  return `${name} ${textOf(before)} → ${textOf(after)}`;
}

function ledgerTable(entries: readonly LedgerEntry[]): HTMLElement {
  const head = ["Ledger entry", "Kind", "Amount", "Balance after"].map((text, index) =>
    h("th", { class: index > 1 ? "end" : "", text, attrs: { scope: "col" } }),
  );
  const rows = entries.map(({ id, kind, asset, amount, balance_after: after }) =>
    h(
      "tr",
      {},
      h("td", {}, copied("ledger entry's id", id)),
      h("td", { text: kind }),
      h("td", { class: "num end", text: `${showAll(read(amount), 0)} ${asset}` }),
      h("td", { class: "num end", text: after === null ? format.NONE : `${showAll(read(after), 0)} ${asset}` }),
    ),
  );
  return h("table", { class: "grid" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows));
}
