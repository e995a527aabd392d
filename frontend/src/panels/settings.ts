/** The page's settings: look, layouts, keyboard. Loaded when they are opened. */

import { choiceGroup, h, setText } from "../core/dom.ts";
import {
  isShown,
  type Layout,
  NAME_LENGTH_MAX,
  nameOf,
  PANELS,
  type Panel,
  type Preset,
  PRESETS,
  presetLayout,
  isSame,
  SAVED_MAX,
  type Saved,
  savedWith,
  withPanel,
} from "../state/layouts.ts";
import type { Choices, Preferences } from "../state/preferences.ts";
import { warningsSection } from "./settings-warnings.ts";
import { soundsSection } from "./settings-sounds.ts";

type Options<Value extends string> = readonly (readonly [value: Value, label: string])[];

const THEMES: Options<Choices["theme"]> = [
  ["system", "As the system"],
  ["dark", "Dark"],
  ["light", "Light"],
];
const DENSITIES: Options<Choices["density"]> = [
  ["comfortable", "Comfortable"],
  ["compact", "Compact"],
];
const PALETTES: Options<Choices["palette"]> = [
  ["classic", "Green and red"],
  ["blue_orange", "Blue and orange"],
  ["teal_pink", "Teal and pink"],
];

let dialog: HTMLDialogElement | null = null;

/** Open the settings within `page`; they follow what is changed elsewhere meanwhile. */
export function open(page: HTMLElement, preferences: Preferences): void {
  dialog ??= new Settings(page, preferences).dialog;
  if (!dialog.open) dialog.showModal();
}

class Settings {
  readonly dialog: HTMLDialogElement;
  readonly #preferences: Preferences;
  readonly #own = h("ul", { class: "own-layouts" });
  readonly #name = h("input", {
    attrs: { id: "layout-name", maxlength: String(NAME_LENGTH_MAX), autocomplete: "off" },
  });
  readonly #error = h("p", { class: "field-error", attrs: { id: "layout-error", role: "alert" } });
  readonly #shows: ((choices: Choices) => void)[] = [];

  constructor(page: HTMLElement, preferences: Preferences) {
    this.#preferences = preferences;
    this.#name.setAttribute("aria-describedby", "layout-error");
    this.dialog = h(
      "dialog",
      { class: "dialog settings", attrs: { id: "settings", "aria-labelledby": "settings-title" } },
      h("h2", { text: "Settings", attrs: { id: "settings-title" } }),
      this.#look(),
      this.#layout(),
      this.#keyboard(),
      warningsSection(preferences, this.#shows),
      soundsSection(preferences, this.#shows),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { class: "button primary", type: "button", text: "Done", onClick: () => this.dialog.close() }),
      ),
    );
    page.append(this.dialog);
    preferences.chosen.watch((choices) => this.#draw(choices));
  }

  #draw(choices: Choices): void {
    for (const show of this.#shows) show(choices);
    this.#drawOwn(choices);
  }

  /** Buttons of which one is chosen. */
  #radios<Value extends string>(
    label: string,
    options: Options<Value>,
    chosenOf: (choices: Choices) => Value | "",
    choose: (value: Value) => void,
  ): HTMLElement {
    const group = h(
      "div",
      { class: "choices wide", attrs: { role: "radiogroup", "aria-label": label } },
      ...options.map(([value, text]) =>
        h("button", { type: "button", text, attrs: { role: "radio", "data-value": value } }),
      ),
    );
    const select = choiceGroup(group, (value) => choose(value as Value));
    this.#shows.push((choices) => {
      const chosen = chosenOf(choices);
      select(chosen || options[0]![0]);
      // Where none is chosen the first can still be reached.
      if (!chosen) group.firstElementChild!.setAttribute("aria-checked", "false");
    });
    return h("div", { class: "field" }, h("span", { class: "label", text: label }), group);
  }

  #check(
    text: string,
    isOn: (choices: Choices) => boolean,
    choose: (isOn: boolean) => void,
  ): HTMLElement {
    const box = h("input", { type: "checkbox" });
    box.addEventListener("change", () => choose(box.checked));
    this.#shows.push((choices) => (box.checked = isOn(choices)));
    return h("label", { class: "check" }, box, text);
  }

  #look(): HTMLElement {
    const change = (part: Partial<Choices>) => this.#preferences.change(part);
    return h(
      "section",
      { attrs: { "aria-label": "Look" } },
      this.#radios("Theme", THEMES, ({ theme }) => theme, (theme) => change({ theme })),
      this.#radios("Density", DENSITIES, ({ density }) => density, (density) => change({ density })),
      this.#radios("Rise and fall", PALETTES, ({ palette }) => palette, (palette) => change({ palette })),
    );
  }

  #layout(): HTMLElement {
    const presets = Object.entries(PRESETS).map(([name, { label }]) => [name as Preset, label] as const);
    const hint = h("p", { class: "muted" });
    this.#shows.push(({ layout }) => setText(hint, `${PRESETS[layout.preset].hint}.`));
    const panels = Object.entries(PANELS).map(([name, text]) =>
      this.#check(
        text,
        ({ layout }) => isShown(layout, name as Panel),
        (shown) => this.#arrange(withPanel(this.#now.layout, name as Panel, shown)),
      ),
    );
    const save = h("button", { class: "button quiet", text: "Save" });
    const form = h(
      "form",
      { class: "save-layout" },
      h("label", { class: "visually-hidden", text: "Name of this layout", attrs: { for: "layout-name" } }),
      h("div", { class: "input" }, this.#name),
      save,
    );
    this.#name.placeholder = "Save this layout as…";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    return h(
      "section",
      { class: "of-layout", attrs: { "aria-label": "Layout" } },
      this.#radios(
        "Layout",
        presets,
        (choices) => (choices.layout_name ? "" : choices.layout.preset),
        (preset) => this.#preferences.change({ layout: presetLayout(preset), layout_name: "" }),
      ),
      hint,
      h("div", { class: "panel-checks", attrs: { role: "group", "aria-label": "Panels on show" } }, ...panels),
      this.#own,
      form,
      this.#error,
    );
  }

  #keyboard(): HTMLElement {
    return h(
      "section",
      { attrs: { "aria-label": "Keyboard" } },
      this.#check(
        "Hot keys (press ? for the list)",
        ({ hot_keys }) => hot_keys,
        (hot_keys) => this.#preferences.change({ hot_keys }),
      ),
    );
  }

  get #now(): Choices {
    return this.#preferences.value;
  }

  #arrange(layout: Layout): void {
    this.#preferences.change({ layout });
  }

  #save(): void {
    const name = nameOf(this.#name.value);
    const { layout, layouts } = this.#now;
    const next = name && savedWith(layouts, name, layout);
    const wrong = name ? `There is room for ${SAVED_MAX} layouts: delete one first.` : "Name the layout.";
    setText(this.#error, next ? "" : wrong);
    if (!next) return;
    this.#preferences.change({ layouts: next, layout_name: name });
    this.#name.value = "";
  }

  /** The saved layouts: chosen, saved anew where they were changed, renamed, deleted. */
  #drawOwn({ layout, layouts, layout_name: chosen }: Choices): void {
    const focused = this.#own.contains(document.activeElement)
      ? document.activeElement!.getAttribute("aria-label")
      : null;
    this.#own.replaceChildren(
      ...layouts.map((saved) => {
        const isChosen = saved.name === chosen;
        const use = this.#button(saved.name, `Use ${saved.name}`, () =>
          this.#preferences.change({ layout: layoutOf(saved), layout_name: saved.name }),
        );
        use.setAttribute("aria-pressed", String(isChosen));
        use.classList.add("use");
        const isChanged = isChosen && !isSame(layout, saved);
        return h(
          "li",
          {},
          use,
          isChanged &&
            this.#button("Save", `Save changes to ${saved.name}`, () => {
              this.#preferences.change({ layouts: savedWith(layouts, saved.name, layout)! });
            }),
          this.#button("Rename", `Rename ${saved.name}`, () => this.#rename(saved)),
          this.#button("Delete", `Delete ${saved.name}`, () => {
            const left = layouts.filter(({ name }) => name !== saved.name);
            this.#preferences.change({ layouts: left, layout_name: isChosen ? "" : chosen });
          }),
        );
      }),
    );
    for (const button of this.#own.querySelectorAll("button"))
      if (button.getAttribute("aria-label") === focused) button.focus();
  }

  #button(text: string, label: string, onClick: () => void): HTMLButtonElement {
    const attrs = { "aria-label": label };
    return h("button", { class: "button quiet small", type: "button", text, attrs, onClick });
  }

  /** A field in the name's place; Enter takes what stands there, Escape leaves the name. */
  #rename(saved: Saved): void {
    const row = this.#own.children[this.#now.layouts.findIndex(({ name }) => name === saved.name)];
    const field = h("input", { class: "rename", attrs: { "aria-label": `New name of ${saved.name}` } });
    field.value = saved.name;
    field.maxLength = NAME_LENGTH_MAX;
    row?.firstElementChild?.replaceWith(field);
    field.select();
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.#renamed(saved, event.key === "Enter" ? nameOf(field.value) : "");
    });
    field.addEventListener("blur", () => field.isConnected && this.#renamed(saved, nameOf(field.value)));
  }

  #renamed(saved: Saved, name: string): void {
    const { layouts, layout_name: chosen } = this.#now;
    const isFree = layouts.every((one) => one === saved || one.name !== name);
    setText(this.#error, isFree ? "" : `There is a layout called ${name} already.`);
    if (!name || name === saved.name || !isFree) return this.#drawOwn(this.#now);
    this.#preferences.change({
      layouts: layouts.map((one) => (one.name === saved.name ? { ...one, name } : one)),
      layout_name: chosen === saved.name ? name : chosen,
    });
  }
}

function layoutOf({ preset, hidden, sizes }: Saved): Layout {
  return { preset, hidden, sizes };
}
