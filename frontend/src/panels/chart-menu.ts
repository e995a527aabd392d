/** How the chart is drawn, as a panel that opens from a button of the chart's bar. */

import { find, h, setText } from "../core/dom.ts";
import {
  type ChartKind,
  type ChartSettings,
  type ChartZone,
  KINDS,
  readNumbers,
  STUDIES,
  STUDY_IDS,
  type StudyId,
  ZONES,
} from "../state/chart-settings.ts";

const SWITCHES = [
  ["hasVolume", "Volume"],
  ["isLog", "Logarithmic scale"],
  ["hasOrders", "Own orders"],
  ["hasFills", "Own fills"],
] as const satisfies readonly (readonly [keyof ChartSettings, string])[];

/** Changes what it is given, and says so. */
export function mount(
  element: HTMLElement,
  button: HTMLElement,
  settings: ChartSettings,
  onChange: () => void,
): void {
  element.append(
    chooser<ChartKind>("Draw", KINDS, settings.kind, (kind) => {
      settings.kind = kind;
      onChange();
    }),
    chooser<ChartZone>("Times", ZONES, settings.zone, (zone) => {
      settings.zone = zone;
      onChange();
    }),
    ...SWITCHES.map(([name, label]) =>
      checkbox(label, settings[name], (isOn) => {
        settings[name] = isOn;
        onChange();
      }),
    ),
    h("h3", { class: "chart-menu-title", text: "Indicators" }),
    ...STUDY_IDS.map((id) => studyLine(id, settings, onChange)),
  );
  opens(element, button);
}

/** Open and close by the button; Escape and a press elsewhere close, too. */
function opens(element: HTMLElement, button: HTMLElement): void {
  const show = (isOpen: boolean) => {
    element.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
  };
  show(false);
  button.addEventListener("click", () => {
    show(Boolean(element.hidden));
    if (!element.hidden) find(element, "select").focus();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    show(false);
    button.focus();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!element.contains(target as Node) && !button.contains(target as Node)) show(false);
  });
}

function chooser<T extends string>(
  label: string,
  names: Record<T, string>,
  chosen: T,
  onChoose: (value: T) => void,
): HTMLElement {
  const options = Object.entries<string>(names).map(([value, text]) =>
    h("option", { text, attrs: { value } }),
  );
  const select = h("select", { class: "small-select" }, ...options);
  select.value = chosen;
  select.addEventListener("change", () => onChoose(select.value as T));
  return h("label", { class: "chart-menu-line" }, label, select);
}

function checkbox(label: string, isOn: boolean, onChange: (isOn: boolean) => void): HTMLElement {
  const input = h("input", { type: "checkbox" });
  input.checked = isOn;
  input.addEventListener("change", () => onChange(input.checked));
  return h("label", { class: "check" }, input, label);
}

/** A study's switch, and its numbers beside it. */
function studyLine(id: StudyId, settings: ChartSettings, onChange: () => void): HTMLElement {
  const { label, hint } = STUDIES[id];
  const study = settings.studies[id];
  const line = h(
    "div",
    { class: "chart-menu-line" },
    checkbox(label, study.isOn, (isOn) => {
      study.isOn = isOn;
      onChange();
    }),
  );
  if (!hint) return line;
  const input = h("input", {
    class: "num",
    attrs: { "aria-label": `${label}: ${hint}`, inputmode: "decimal", autocomplete: "off" },
  });
  // What is wrong takes the hint's place: a line more would move what is being clicked on.
  const note = h("span", { class: "chart-menu-hint", text: hint, attrs: { role: "status" } });
  input.value = study.numbers.join(", ");
  input.addEventListener("change", () => {
    const numbers = readNumbers(id, input.value);
    input.setAttribute("aria-invalid", String(numbers === null));
    note.classList.toggle("wrong", numbers === null);
    setText(note, numbers === null ? `Enter ${hint}` : hint);
    if (!numbers) return;
    study.numbers = numbers;
    if (study.isOn) onChange();
  });
  line.append(note, input);
  return line;
}
