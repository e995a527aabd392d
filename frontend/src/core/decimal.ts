/**
 * Exact decimals for everything that is sent or checked: an amount is a BigInt of 10^-18, which is
 * the scale of the exchange's tables. Binary floats are for pixels only (see `approximate`).
 */

export type Amount = bigint;

export const SCALE = 18;
const ONE = 10n ** BigInt(SCALE);
const GRAMMAR = /^(-?)(\d+)(?:\.(\d+))?$/;
const LENGTH_MAX = 40;

/** Read `text` exactly; null where it is no decimal, or has more than 18 decimals. */
export function parse(text: string): Amount | null {
  const match = text.length <= LENGTH_MAX ? GRAMMAR.exec(text) : null;
  if (!match) return null;
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  if (fraction.length > SCALE) return null;
  const units = BigInt(match[2] + fraction.padEnd(SCALE, "0"));
  return match[1] ? -units : units;
}

/** Read a figure the exchange sent; what it sends is well-formed, so anything else counts as 0. */
export function read(text: string | null | undefined): Amount {
  return (text == null ? null : parse(text)) ?? 0n;
}

/** Thousands as `show` writes them: groups of three, and decimals only after a point. */
const GROUPED = /^\d{1,3}(?:,\d{3})+(?:\.\d*)?$/;

/**
 * Accept how people type a number (` 1.` or `.5`) and how the page itself writes one (`61,000.00`),
 * and return the form the API takes. Any other comma stays, so that no reader takes it: in
 * `60000,5` it may be meant as a point.
 */
export function typed(text: string): string {
  const trimmed = text.trim().replace(/^\./, "0.");
  const plain = GROUPED.test(trimmed) ? trimmed.replaceAll(",", "") : trimmed;
  return plain.endsWith(".") ? plain.slice(0, -1) : plain;
}

/** Write an amount in the shortest exact form, as the API takes it. */
export function write(amount: Amount): string {
  const sign = amount < 0n ? "-" : "";
  const digits = (amount < 0n ? -amount : amount).toString().padStart(SCALE + 1, "0");
  const fraction = digits.slice(-SCALE).replace(/0+$/, "");
  return sign + digits.slice(0, -SCALE) + (fraction && `.${fraction}`);
}

/** How many decimals a step such as `0.01` allows. */
export function decimalsOf(step: string): number {
  return (write(read(step)).split(".")[1] ?? "").length;
}

/** Write with exactly `decimals` decimals and thousands separators; excess digits are cut off. */
export function show(amount: Amount, decimals: number): string {
  const [whole = "0", fraction = ""] = write(amount < 0n ? -amount : amount).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const tail = decimals > 0 ? `.${fraction.slice(0, decimals).padEnd(decimals, "0")}` : "";
  const isZero = !/[1-9]/.test(grouped + tail);
  return (amount < 0n && !isZero ? "-" : "") + grouped + tail;
}

/** Write with at least `decimals` decimals, and more where the amount has them. */
export function showAll(amount: Amount, decimals: number): string {
  return show(amount, Math.max(decimals, decimalsOf(write(amount))));
}

/** Multiply, cutting off below 10^-18 (towards zero). */
export function multiplyDown(a: Amount, b: Amount): Amount {
  return (a * b) / ONE;
}

/** Divide two positive amounts, rounding down. */
export function divideDown(a: Amount, b: Amount): Amount {
  return b === 0n ? 0n : (a * ONE) / b;
}

/** Round a positive amount down to a multiple of `step`. */
export function floorTo(amount: Amount, step: Amount): Amount {
  return step > 0n ? amount - (amount % step) : amount;
}

/** Round a positive amount up to a multiple of `step`. */
export function ceilTo(amount: Amount, step: Amount): Amount {
  const rest = step > 0n ? amount % step : 0n;
  return rest === 0n ? amount : amount - rest + step;
}

export function isMultiple(amount: Amount, step: Amount): boolean {
  return step <= 0n || amount % step === 0n;
}

/** A float near `a / b`, for drawing only. */
export function ratio(a: Amount, b: Amount): number {
  return b === 0n ? 0 : Number((a * 1_000_000n) / b) / 1_000_000;
}
