/** Rows as comma-separated text (RFC 4180), for spreadsheets. Pure. */

/** What a spreadsheet would take for a formula is kept from being one. */
const FORMULA = /^[=+\-@\t\r]/;
const FIGURE = /^-?\d+(\.\d+)?$/;

function cell(value: string | null): string {
  const text = value ?? "";
  const safe = FORMULA.test(text) && !FIGURE.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Write rows below a head of names. */
export function csvOf<T>(
  columns: readonly (readonly [name: string, valueOf: (row: T) => string | null])[],
  rows: readonly T[],
): string {
  const lines = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, of]) => of(row)))];
  return lines.map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}
