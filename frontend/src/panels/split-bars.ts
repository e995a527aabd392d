/**
 * The bars between panels: dragged, or moved by arrow keys. Twice pressed, or on Enter, a panel has
 * the size of its preset again.
 */

import { eachFrame, find, findAll } from "../core/dom.ts";
import { type Layout, LIMITS, resized, type SizeName } from "../state/layouts.ts";
import type { Preferences } from "../state/preferences.ts";

const STEP_PX = 10;
const LEAP_PX = 50;

export function mount(desk: HTMLElement, preferences: Preferences): void {
  const bars = findAll(desk, "[data-size]").map((bar) => new Bar(desk, bar, preferences));
  const tell = eachFrame(() => bars.forEach((bar) => bar.tell()));
  preferences.chosen.watch(tell);
  new ResizeObserver(tell).observe(desk);
}

class Bar {
  readonly #bar: HTMLElement;
  readonly #panel: HTMLElement;
  readonly #name: SizeName;
  readonly #preferences: Preferences;
  /** Where a drag began, and how large the panel was there. */
  #grip: { at: number; size: number } | null = null;

  constructor(desk: HTMLElement, bar: HTMLElement, preferences: Preferences) {
    this.#bar = bar;
    this.#panel = find(desk, `#${bar.getAttribute("aria-controls")}`);
    this.#name = bar.dataset["size"] as SizeName;
    this.#preferences = preferences;
    const { min, max } = LIMITS[this.#name];
    bar.setAttribute("aria-valuemin", String(min));
    bar.setAttribute("aria-valuemax", String(max));
    bar.addEventListener("pointerdown", (event) => this.#grab(event));
    bar.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"] as const)
      bar.addEventListener(end, () => this.#letGo());
    bar.addEventListener("dblclick", () => this.#resize(0));
    bar.addEventListener("keydown", (event) => this.#press(event));
  }

  get #layout(): Layout {
    return this.#preferences.value.layout;
  }

  /** It parts what is beside each other, as it stands now. */
  get #isUpright(): boolean {
    return this.#bar.offsetHeight > this.#bar.offsetWidth;
  }

  /** A panel before its bar grows with the pointer, one behind it against it. */
  get #sign(): 1 | -1 {
    return this.#name === "markets" ? 1 : -1;
  }

  get #size(): number {
    const { width, height } = this.#panel.getBoundingClientRect();
    return this.#isUpright ? width : height;
  }

  tell(): void {
    this.#bar.setAttribute("aria-orientation", this.#isUpright ? "vertical" : "horizontal");
    const size = Math.round(this.#size);
    this.#bar.setAttribute("aria-valuenow", String(size));
    this.#bar.setAttribute("aria-valuetext", `${size} pixels`);
  }

  #resize(pixels: number): void {
    this.#preferences.change({ layout: resized(this.#layout, this.#name, pixels) });
  }

  #placeOf(event: PointerEvent): number {
    return this.#isUpright ? event.clientX : event.clientY;
  }

  #grab(event: PointerEvent): void {
    if (event.button !== 0) return;
    // Else the browser may take the move for one of its own, a selection or a drag.
    event.preventDefault();
    this.#bar.focus();
    this.#bar.setPointerCapture(event.pointerId);
    this.#grip = { at: this.#placeOf(event), size: this.#size };
    this.#bar.classList.add("held");
  }

  #drag(event: PointerEvent): void {
    if (!this.#grip) return;
    const { at, size } = this.#grip;
    const moved = this.#placeOf(event) - at;
    // A press alone sizes nothing.
    if (moved) this.#resize(Math.max(1, size + this.#sign * moved));
  }

  #letGo(): void {
    this.#grip = null;
    this.#bar.classList.remove("held");
  }

  #press(event: KeyboardEvent): void {
    const { min, max } = LIMITS[this.#name];
    const step = event.shiftKey ? LEAP_PX : STEP_PX;
    const [back, forth] = this.#isUpright ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    const moved = { [back as string]: -step, [forth as string]: step }[event.key];
    const size = { Home: min, End: max, Enter: 0 }[event.key];
    if (moved === undefined && size === undefined) return;
    event.preventDefault();
    this.#resize(size ?? this.#size + this.#sign * moved!);
  }
}
