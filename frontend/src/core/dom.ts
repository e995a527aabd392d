/** Small typed pieces for making and finding elements. Data only ever becomes text nodes. */

type Child = Node | string | null | undefined | false;

interface Props {
  class?: string;
  text?: string;
  type?: string;
  title?: string;
  href?: string;
  disabled?: boolean;
  attrs?: Record<string, string>;
  onClick?: (event: MouseEvent) => void;
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (props.class) element.className = props.class;
  if (props.text !== undefined) element.textContent = props.text;
  if (props.type) element.setAttribute("type", props.type);
  if (props.title) element.title = props.title;
  if (props.href) element.setAttribute("href", props.href);
  if (props.disabled) element.setAttribute("disabled", "");
  for (const [name, value] of Object.entries(props.attrs ?? {})) element.setAttribute(name, value);
  if (props.onClick) element.addEventListener("click", props.onClick as EventListener);
  for (const child of children) if (child) element.append(child);
  return element;
}

/** The first element in `root` that the selector fits, which the template promises. */
export function find<T extends HTMLElement = HTMLElement>(root: ParentNode, selector: string): T {
  const element = root.querySelector<T>(selector);
  if (!element) throw new Error(`the template has no ${selector}`);
  return element;
}

export function findAll<T extends HTMLElement = HTMLElement>(
  root: ParentNode,
  selector: string,
): T[] {
  return [...root.querySelectorAll<T>(selector)];
}

/** Write text only where it changed: a write of the same text still costs a layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** How long the page's own drawing takes. */
class Drawing {
  #ms = 0;
  #frames = 0;
  #frame = 0;

  /** Count a part of a frame. */
  count(frame: number, ms: number): void {
    this.#ms += ms;
    if (frame !== this.#frame) this.#frames += 1;
    this.#frame = frame;
  }

  /** The average of the frames that drew anything since the last look. */
  takeMs(): number {
    const average = this.#frames ? this.#ms / this.#frames : 0;
    this.#ms = 0;
    this.#frames = 0;
    return average;
  }
}

export const drawing = new Drawing();

/**
 * Return a function that runs `render` once in the next frame, however often it is called. A hidden
 * page draws nothing and catches up with one frame when it is shown.
 */
export function eachFrame(render: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame((frame) => {
      isDue = false;
      const began = performance.now();
      render();
      drawing.count(frame, performance.now() - began);
    });
  };
}

/** Bring `parent`'s children to `items`, re-using the element made for the same key. */
export function syncList<T>(
  parent: Element,
  items: readonly T[],
  keyOf: (item: T) => string,
  make: (item: T) => HTMLElement,
  update: (element: HTMLElement, item: T) => void,
): void {
  const existing = new Map<string, HTMLElement>();
  for (const child of parent.children) {
    const element = child as HTMLElement;
    if (element.dataset["key"] !== undefined) existing.set(element.dataset["key"], element);
  }
  let previous: Element | null = null;
  for (const item of items) {
    const key = keyOf(item);
    let element = existing.get(key);
    if (element) {
      existing.delete(key);
    } else {
      element = make(item);
      element.dataset["key"] = key;
    }
    update(element, item);
    const next: Element | null = previous ? previous.nextElementSibling : parent.firstElementChild;
    if (next !== element) parent.insertBefore(element, next);
    previous = element;
  }
  for (const element of existing.values()) element.remove();
}

/** Make a group of buttons choose one of themselves, with arrow keys, as a radio group or tabs. */
export function choiceGroup(
  group: HTMLElement,
  onChoose: (value: string) => void,
): (v: string) => void {
  const buttons = [...group.querySelectorAll<HTMLButtonElement>("button[data-value]")];
  const attribute = group.getAttribute("role") === "tablist" ? "aria-selected" : "aria-checked";
  const select = (value: string) => {
    for (const button of buttons) {
      const isChosen = button.dataset["value"] === value;
      button.setAttribute(attribute, String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
  };
  group.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("button[data-value]");
    if (button && !button.disabled) onChoose(button.dataset["value"]!);
  });
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const index = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (!step || index < 0) return;
    event.preventDefault();
    let place = index;
    do place = (place + step + buttons.length) % buttons.length;
    while (buttons[place]!.disabled && place !== index);
    const next = buttons[place]!;
    next.focus();
    onChoose(next.dataset["value"]!);
  });
  return select;
}
