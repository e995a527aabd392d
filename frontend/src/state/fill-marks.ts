/** Own fills as marks of a chart: those of one side within one bar are one mark. Pure. */

import { type Amount, read } from "../core/decimal.ts";
import type { Side } from "../link/messages.ts";
import type { Fill } from "../link/types.ts";

export interface FillMark {
  /** When its bar opens, in seconds since 1970. */
  time: number;
  side: Side;
  quantity: Amount;
}

/** `times`: when the bars open, rising. Fills before the first have no mark; marks rise in time. */
export function marksOf(
  fills: readonly Fill[],
  symbol: string,
  times: readonly number[],
): FillMark[] {
  const marks = new Map<string, FillMark>();
  for (const fill of fills) {
    if (fill.market !== symbol) continue;
    const time = openOf(times, Date.parse(fill.created_at) / 1000);
    if (time === undefined) continue;
    const key = `${time}/${fill.side}`;
    const mark = marks.get(key) ?? { time, side: fill.side, quantity: 0n };
    mark.quantity += read(fill.quantity);
    marks.set(key, mark);
  }
  return [...marks.values()].sort((a, b) => a.time - b.time);
}

/** When the bar opens that holds this time. */
function openOf(times: readonly number[], time: number): number | undefined {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! <= time) low = middle + 1;
    else high = middle;
  }
  return times[low - 1];
}
