/** Where the panels stand: presets, what can be hidden, and how large each may be made. */

import type { NamedLayout, PageLayout, PageSizes } from "../link/types.ts";

export type Sizes = Required<PageSizes>;
export type SizeName = keyof Sizes;
export type Layout = Required<Omit<PageLayout, "sizes">> & { sizes: Sizes };
export type Saved = Layout & Pick<NamedLayout, "name">;
export type Preset = Layout["preset"];
export type Panel = Layout["hidden"][number];

export const PANELS: Record<Panel, string> = {
  markets: "Markets",
  book: "Order book",
  tape: "Recent trades",
  ticket: "Order form",
  activity: "Orders and balances",
};

/** As the style sheet has it until something is dragged. */
const UNSIZED: Sizes = { markets: 0, side: 0, ticket: 0, tape: 0, activity: 0 };

export const PRESETS: Record<Preset, { label: string; hint: string; hidden: Panel[] }> = {
  scalp: { label: "Scalp", hint: "Book and trades large, beside the order form", hidden: ["markets"] },
  swing: { label: "Swing", hint: "Chart, book, form and orders in balance", hidden: [] },
  watch: { label: "Watch", hint: "Many markets and a large chart, no form", hidden: ["ticket"] },
};

/** The least and the most that a panel is given, in pixels. */
export const LIMITS: Record<SizeName, { min: number; max: number }> = {
  markets: { min: 180, max: 640 },
  side: { min: 220, max: 900 },
  ticket: { min: 260, max: 460 },
  tape: { min: 100, max: 900 },
  activity: { min: 110, max: 900 },
};

export function presetLayout(preset: Preset): Layout {
  return { preset, hidden: [...PRESETS[preset].hidden], sizes: { ...UNSIZED } };
}

/** What was kept, with what it leaves out. */
export function wholeLayout(kept: PageLayout = {}): Layout {
  const plain = presetLayout(kept.preset ?? "swing");
  return { ...plain, hidden: kept.hidden ?? plain.hidden, sizes: { ...UNSIZED, ...kept.sizes } };
}

/** Give a panel a size, within its limits; 0: the preset's own again. */
export function resized(layout: Layout, name: SizeName, pixels: number): Layout {
  const { min, max } = LIMITS[name];
  const size = pixels && Math.round(Math.min(max, Math.max(min, pixels)));
  return { ...layout, sizes: { ...layout.sizes, [name]: size } };
}

export function isShown(layout: Layout, panel: Panel): boolean {
  return !layout.hidden.includes(panel);
}

export function withPanel(layout: Layout, panel: Panel, shown: boolean): Layout {
  const others = layout.hidden.filter((one) => one !== panel);
  return { ...layout, hidden: shown ? others : [...others, panel] };
}

export function isSame(one: Layout, other: Layout): boolean {
  const text = ({ preset, hidden, sizes }: Layout) =>
    JSON.stringify([preset, [...hidden].sort(), Object.entries(sizes).sort()]);
  return text(one) === text(other);
}

export const SAVED_MAX = 12;
export const NAME_LENGTH_MAX = 32;

/** A name as it is kept: one space between words. */
export function nameOf(text: string): string {
  return text.trim().replace(/\s+/g, " ").slice(0, NAME_LENGTH_MAX).trim();
}

/** Save a layout under a name, in place of one that has it; null where there is no room. */
export function savedWith(saved: readonly Saved[], name: string, layout: Layout): Saved[] | null {
  const next = { ...layout, name };
  if (saved.some((one) => one.name === name)) {
    return saved.map((one) => (one.name === name ? next : one));
  }
  return saved.length < SAVED_MAX ? [...saved, next] : null;
}
