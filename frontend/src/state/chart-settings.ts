/** How the chart is drawn: what is chosen, and how a browser remembers it. Pure. */

export const KINDS = { candles: "Candles", heikin: "Heikin-Ashi", line: "Line", area: "Area" };
export const ZONES = { local: "Local time", utc: "UTC", market: "Exchange’s time" };

export type ChartKind = keyof typeof KINDS;
export type ChartZone = keyof typeof ZONES;
export type StudyId = "sma" | "ema" | "bollinger" | "vwap" | "rsi" | "macd";

export interface Study {
  isOn: boolean;
  numbers: number[];
}

export interface ChartSettings {
  kind: ChartKind;
  zone: ChartZone;
  isLog: boolean;
  hasVolume: boolean;
  hasFills: boolean;
  hasOrders: boolean;
  studies: Record<StudyId, Study>;
}

interface StudyTerms {
  label: string;
  /** What its numbers are, in words; empty where it has none. */
  hint: string;
  numbers: readonly number[];
  /** How many numbers it takes. */
  count: readonly [number, number];
}

export const STUDIES: Record<StudyId, StudyTerms> = {
  sma: { label: "SMA", hint: "lengths", numbers: [20, 50], count: [1, 4] },
  ema: { label: "EMA", hint: "lengths", numbers: [12, 26], count: [1, 4] },
  bollinger: { label: "Bollinger bands", hint: "length, deviations", numbers: [20, 2], count: [2, 2] },
  vwap: { label: "VWAP", hint: "", numbers: [], count: [0, 0] },
  rsi: { label: "RSI", hint: "length", numbers: [14], count: [1, 1] },
  macd: { label: "MACD", hint: "fast, slow, signal", numbers: [12, 26, 9], count: [3, 3] },
};
export const STUDY_IDS = Object.keys(STUDIES) as StudyId[];

const LENGTH_MAX = 500;
const WIDTH_MAX = 10;

/** Read a study's numbers as they are typed (`20, 50`); null where they are none of its own. */
export function readNumbers(id: StudyId, text: string): number[] | null {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const [least, most] = STUDIES[id].count;
  if (parts.length < least || parts.length > most) return null;
  const numbers = parts.map(Number);
  const isGood = numbers.every((number, index) => {
    if (id === "bollinger" && index === 1) return number > 0 && number <= WIDTH_MAX;
    return Number.isInteger(number) && number >= 1 && number <= LENGTH_MAX;
  });
  const isCrossed = id === "macd" && numbers[0]! >= numbers[1]!;
  return isGood && !isCrossed ? numbers : null;
}

export function defaultSettings(): ChartSettings {
  const studies = Object.fromEntries(
    STUDY_IDS.map((id) => [id, { isOn: false, numbers: [...STUDIES[id].numbers] }]),
  ) as Record<StudyId, Study>;
  return {
    ...{ kind: "candles", zone: "local", isLog: false },
    ...{ hasVolume: true, hasFills: true, hasOrders: true },
    studies,
  };
}

/** What was remembered; whatever of it is not understood is as at first. */
export function readSettings(text: string | null): ChartSettings {
  const settings = defaultSettings();
  const known = parsed(text);
  if (isKey(KINDS, known["kind"])) settings.kind = known["kind"];
  if (isKey(ZONES, known["zone"])) settings.zone = known["zone"];
  for (const name of ["isLog", "hasVolume", "hasFills", "hasOrders"] as const) {
    if (typeof known[name] === "boolean") settings[name] = known[name];
  }
  const studies = asRecord(known["studies"]);
  for (const id of STUDY_IDS) {
    const { isOn, numbers } = asRecord(studies[id]);
    if (Array.isArray(numbers))
      settings.studies[id].numbers = readNumbers(id, numbers.join()) ?? settings.studies[id].numbers;
    settings.studies[id].isOn = isOn === true;
  }
  return settings;
}

function parsed(text: string | null): Record<string, unknown> {
  try {
    return asRecord(JSON.parse(text ?? "{}"));
  } catch {
    return {};
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
}

function isKey<T extends object>(record: T, key: unknown): key is keyof T {
  return typeof key === "string" && Object.hasOwn(record, key);
}
