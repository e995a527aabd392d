/** The line under the estimate: what the exchange itself says would become of the order. */

import { read, showAll } from "../core/decimal.ts";
import { setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Market, OrderPreview } from "../link/types.ts";
import { reason } from "../state/figures.ts";

export function drawPreview(line: HTMLElement, told: OrderPreview | null, market: Market): void {
  line.hidden = !told;
  setText(line, told ? wordsOf(told, market) : "");
  line.classList.toggle("warn", told !== null && !isGood(told));
}

function isGood(told: OrderPreview): boolean {
  return told.accepted && !told.reason;
}

export function wordsOf(told: OrderPreview, market: Market): string {
  if (!told.accepted) return `Would be refused: ${format.sentence(told.message ?? "")}`;
  const [base, quote] = [market.base_asset, market.quote_asset];
  const said: string[] = [];
  const filled = read(told.filled_quantity) > 0n;
  if (filled) {
    const worst = told.worst_price;
    const isOne = worst === null || read(worst) === read(told.average_price ?? worst);
    const average = `${figure(told.average_price ?? worst ?? "0")} ${quote}`;
    const at = isOne ? `at ${average}` : `at ${average} on average, ${figure(worst)} at worst`;
    said.push(`Would trade ${figure(told.filled_quantity)} ${base} ${at}`);
    said.push(`fee ${figure(told.fee)} ${told.fee_asset}`);
  }
  if (read(told.resting_quantity) > 0n) {
    const waits = told.status === "Pending" ? "wait for the price" : "rest in the book";
    said.push(`${filled ? "" : "Would let "}${figure(told.resting_quantity)} ${base} ${waits}`);
  }
  if (told.reason) said.push(`${filled ? "what is left would end" : "Would end at once"}: ${reason(told.reason)}`);
  said.push(`locks ${figure(told.hold)} ${told.hold_asset}`);
  return `${said.join("; ")}.`;
}

function figure(text: string): string {
  return showAll(read(text), 2);
}
