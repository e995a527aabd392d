/** The prices of the order form as lines of the chart, which are moved there instead of typed. Pure. */

import { type Amount, ratio } from "../core/decimal.ts";
import type { Signal } from "../core/signal.ts";
import { amountOf, type Draft, type FieldName } from "./draft.ts";
import { traitsOf } from "./order-kinds.ts";

export interface FormLine {
  field: FieldName;
  label: string;
  price: Amount;
  /** The field is empty: the line waits at the price of the entry until it is moved away. */
  isUnset: boolean;
}

/** The order form, as whatever else draws its prices needs it. */
export interface FormLink {
  /** Notified after it was filled in otherwise; and now and then without a change. */
  readonly changed: Signal<null>;
  /** `hasExits`: its fields for exits are on show. */
  read: () => { draft: Draft; hasExits: boolean };
  set: (field: FieldName, value: string) => void;
}

/**
 * The lines of a form that is being filled in: there is a quantity, or exits are asked for.
 * `hasExits`: its fields for them are on show.
 */
export function formLines(draft: Draft, hasExits: boolean): FormLine[] {
  const { isLimit, waits, trails } = traitsOf(draft.type);
  if (!hasExits && !draft.quantity && !draft.total) return [];
  const lines: FormLine[] = [];
  const add = (field: FieldName, label: string, text: string, instead: Amount | null = null) => {
    const price = amountOf(text) ?? instead;
    if (price !== null) lines.push({ field, label, price, isUnset: amountOf(text) === null });
  };
  if (isLimit) add("price", draft.side, draft.price);
  const isPair = draft.type === "OCO";
  if (waits && !trails && !isPair) add("stop", "Trigger", draft.asks.stop);
  if (!hasExits) return lines;
  const entry = isPair ? null : amountOf(draft.price);
  add("profit", "Take profit", draft.asks.profit, entry);
  add("loss", "Stop loss", draft.asks.loss, entry);
  return lines;
}

/** How far a line is from the entry, in percent with its sign; empty where there is none. */
export function distanceOf(line: FormLine, lines: readonly FormLine[]): string {
  const entry = lines.find(({ field }) => field === "price");
  if (!entry || entry === line || line.isUnset || entry.price === 0n) return "";
  const percent = ratio((line.price - entry.price) * 100n, entry.price);
  return `${percent > 0 ? "+" : ""}${percent.toFixed(2)}%`;
}
