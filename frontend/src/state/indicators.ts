/**
 * Indicators of a chart, as numbers that are drawn and never sent. Pure: each takes one value a bar
 * and returns as many, null where there are too few before it.
 */

export type Points = (number | null)[];

export interface Bands {
  upper: Points;
  middle: Points;
  lower: Points;
}

export interface Macd {
  macd: Points;
  signal: Points;
  histogram: Points;
}

/** What of a bar the volume weighted average looks at. */
export interface Traded {
  /** When it opens, in seconds since 1970. */
  time: number;
  volume: number;
  /** What was paid for that volume. */
  amount: number;
}

/** The arithmetic mean of the last `length` values. */
export function sma(values: readonly number[], length: number): Points {
  // Summed afresh for each: a running sum would carry the rounding of all before it along.
  return values.map((_, index) => (index + 1 < length ? null : mean(values, index + 1, length)));
}

/**
 * The exponential moving average: the first is the mean of `length` values, then each new value
 * counts 2 / (length + 1) (StockCharts ChartSchool, "Moving Averages - Simple and Exponential").
 */
export function ema(values: readonly number[], length: number): Points {
  return smoothed(values, length, 2 / (length + 1));
}

/**
 * Bollinger bands: the mean, and `width` standard deviations of the population of `length` values
 * above and below it (J. Bollinger, "Bollinger on Bollinger Bands", 2001).
 */
export function bollinger(values: readonly number[], length: number, width: number): Bands {
  const middle = sma(values, length);
  const deviations = middle.map((average, index) => {
    if (average === null) return null;
    let squares = 0;
    for (let at = index + 1 - length; at <= index; at += 1) squares += (values[at]! - average) ** 2;
    return Math.sqrt(squares / length);
  });
  const band = (sign: number) =>
    middle.map((average, index) =>
      average === null ? null : average + sign * width * deviations[index]!,
    );
  return { upper: band(1), middle, lower: band(-1) };
}

/**
 * The relative strength index: 100 - 100 / (1 + average gain / average loss), the first averages
 * being means of `length` changes, then smoothed by 1 / length (J. W. Wilder, "New Concepts in
 * Technical Trading Systems", 1978). Without any change it is 50.
 */
export function rsi(values: readonly number[], length: number): Points {
  const changes = values.slice(1).map((value, index) => value - values[index]!);
  const gains = smoothed(changes.map((change) => Math.max(change, 0)), length, 1 / length);
  const losses = smoothed(changes.map((change) => Math.max(-change, 0)), length, 1 / length);
  const strengths = gains.map((gain, index) => {
    const loss = losses[index] ?? null;
    if (gain === null || loss === null) return null;
    return gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  });
  return values.length ? [null, ...strengths] : [];
}

/**
 * Moving average convergence divergence: the fast EMA less the slow one, the EMA of that as its
 * signal, and the difference of both (G. Appel, "Technical Analysis: Power Tools for Active
 * Investors", 2005).
 */
export function macd(values: readonly number[], fast: number, slow: number, length: number): Macd {
  const [quick, calm] = [ema(values, fast), ema(values, slow)];
  const line = quick.map((value, index) => difference(value, calm[index] ?? null));
  const first = line.findIndex((value) => value !== null);
  const known = first < 0 ? [] : (line.slice(first) as number[]);
  const signal = [...Array<null>(line.length - known.length).fill(null), ...ema(known, length)];
  const histogram = line.map((value, index) => difference(value, signal[index] ?? null));
  return { macd: line, signal, histogram };
}

/**
 * The volume weighted average price since the session began: what was paid, divided by what was
 * bought. The exchange tells both of each candle, so no typical price stands in for the first. Of a
 * session whose beginning is not here nothing is said, unless (`isWhole`) the first bar is the
 * market's first.
 */
export function vwap(
  bars: readonly Traded[],
  sessionOf: (time: number) => number,
  isWhole: boolean,
): Points {
  let session: number | null = null;
  let [volume, amount, isKnown] = [0, 0, false];
  return bars.map((bar, index) => {
    const current = sessionOf(bar.time);
    if (current !== session) {
      isKnown = index > 0 || isWhole || bar.time === current;
      [session, volume, amount] = [current, 0, 0];
    }
    volume += bar.volume;
    amount += bar.amount;
    return isKnown && volume > 0 ? amount / volume : null;
  });
}

/** The mean of the `length` values before `end`. */
function mean(values: readonly number[], end: number, length: number): number {
  let sum = 0;
  for (let at = end - length; at < end; at += 1) sum += values[at]!;
  return sum / length;
}

function difference(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a - b;
}

/** Begin with the mean of `length` values; then let each new one count `share`. */
function smoothed(values: readonly number[], length: number, share: number): Points {
  let last: number | null = null;
  return values.map((value, index) => {
    if (index + 1 < length) return null;
    last = last === null ? mean(values, length, length) : last + share * (value - last);
    return last;
  });
}
