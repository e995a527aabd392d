/** The part of the settings that says what the page does about orders that are odd. */

import { h } from "../core/dom.ts";
import { parse, typed } from "../core/decimal.ts";
import type { Choices, Preferences } from "../state/preferences.ts";
import { type Act, type Rule, RULES } from "../state/warnings.ts";

const ACTS: readonly (readonly [act: Act, label: string])[] = [
  ["off", "Off"],
  ["ask", "Ask"],
  ["block", "Block"],
];

/** `shows` are called with each change of the choices. */
export function warningsSection(
  preferences: Preferences,
  shows: ((choices: Choices) => void)[],
): HTMLElement {
  return h(
    "section",
    { class: "of-warnings", attrs: { "aria-label": "Order warnings" } },
    h("h3", { class: "label", text: "Order warnings" }),
    ...Object.keys(RULES).map((rule) => row(rule as Rule, preferences, shows)),
  );
}

function row(rule: Rule, preferences: Preferences, shows: ((choices: Choices) => void)[]): HTMLElement {
  const { label, unit } = RULES[rule];
  const change = (part: { act?: Act; limit?: string }) => {
    const { warnings } = preferences.value;
    preferences.change({ warnings: { ...warnings, [rule]: { ...warnings[rule], ...part } } });
  };
  const act = h(
    "select",
    { class: "small-select", attrs: { "aria-label": label } },
    ...ACTS.map(([value, text]) => h("option", { text, attrs: { value } })),
  );
  act.addEventListener("change", () => change({ act: act.value as Act }));
  const limit = h("input", {
    class: "num",
    attrs: { inputmode: "decimal", autocomplete: "off", "aria-label": `${label}: limit` },
  });
  limit.addEventListener("change", () => {
    const plain = typed(limit.value);
    const amount = parse(plain);
    const isLimit = amount !== null && amount > 0n && /^\d{1,15}(\.\d{1,6})?$/.test(plain);
    limit.setAttribute("aria-invalid", String(!isLimit));
    if (isLimit) change({ limit: plain });
  });
  shows.push(({ warnings }) => {
    act.value = warnings[rule].act;
    if (document.activeElement !== limit) limit.value = warnings[rule].limit;
  });
  return h(
    "div",
    { class: "warning-row" },
    h("span", { text: label }),
    unit && h("span", { class: "warning-limit" }, limit, unit === "%" ? "%" : ""),
    act,
  );
}
