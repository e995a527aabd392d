/** Sounds and the system's notifications, as a part of the settings. */

import { h, setText } from "../core/dom.ts";
import type { Choices, Preferences } from "../state/preferences.ts";
import { play, type SoundTone } from "./sounds.ts";

type Sounds = Choices["sounds"];

const TONES: Record<SoundTone, string> = {
  none: "Silent",
  chime: "Chime",
  ping: "Ping",
  knock: "Knock",
  rise: "Rise",
};
const KINDS = [
  ["fill", "Fill"],
  ["reject", "Reject"],
  ["alert", "Alert"],
] as const;

/** Return the section; `shows` are called with the choices whenever they change. */
export function soundsSection(
  preferences: Preferences,
  shows: ((choices: Choices) => void)[],
): HTMLElement {
  const change = (part: Partial<Sounds>) =>
    preferences.change({ sounds: { ...preferences.value.sounds, ...part } });
  const isOn = h("input", { type: "checkbox" });
  isOn.addEventListener("change", () => change({ on: isOn.checked }));
  const volume = h("input", {
    type: "range",
    attrs: { min: "0", max: "100", step: "5", id: "sound-volume" },
  });
  volume.addEventListener("change", () => change({ volume: Number(volume.value) }));
  shows.push(({ sounds }) => {
    isOn.checked = sounds.on;
    volume.value = String(sounds.volume);
  });
  return h(
    "section",
    { attrs: { "aria-label": "Sounds and notifications" } },
    h("label", { class: "check" }, isOn, "Sounds"),
    h(
      "div",
      { class: "sound-lines" },
      ...KINDS.flatMap(([kind, label]) => toneLine(kind, label, preferences, change, shows)),
      h("label", { text: "Volume", attrs: { for: "sound-volume" } }),
      volume,
    ),
    ...desktopLines(preferences, shows),
  );
}

function toneLine(
  kind: "fill" | "reject" | "alert",
  label: string,
  preferences: Preferences,
  change: (part: Partial<Sounds>) => void,
  shows: ((choices: Choices) => void)[],
): HTMLElement[] {
  const options = Object.entries(TONES).map(([value, text]) => h("option", { text, attrs: { value } }));
  const select = h("select", { class: "small-select", attrs: { id: `sound-${kind}` } }, ...options);
  select.addEventListener("change", () => change({ [kind]: select.value as SoundTone }));
  shows.push(({ sounds }) => (select.value = sounds[kind]));
  const test = h("button", { class: "button quiet small", type: "button", text: "Test" });
  test.setAttribute("aria-label", `Test the sound of ${label.toLowerCase()}`);
  test.addEventListener("click", () => {
    const { sounds } = preferences.value;
    void play(sounds[kind], sounds.volume);
  });
  return [h("label", { text: label, attrs: { for: `sound-${kind}` } }), select, test];
}

/** The browser is asked when the box is ticked, and never by the page itself. */
function desktopLines(
  preferences: Preferences,
  shows: ((choices: Choices) => void)[],
): HTMLElement[] {
  const box = h("input", { type: "checkbox" });
  const said = h("p", { class: "muted", attrs: { role: "status" } });
  const test = h("button", { class: "button quiet small", type: "button", text: "Test" });
  test.setAttribute("aria-label", "Test the desktop notification");
  const canShow = "Notification" in window;
  const isRefused = () => !canShow || Notification.permission === "denied";
  const draw = (isChosen: boolean) => {
    const isShown = isChosen && canShow && Notification.permission === "granted";
    box.checked = isShown;
    test.disabled = !isShown;
    const why = canShow ? "This browser refuses them for this page." : "This browser has none.";
    setText(said, isRefused() ? why : "Fills and alerts, while this page is hidden.");
  };
  box.addEventListener("change", async () => {
    const isWanted = box.checked && canShow && (await Notification.requestPermission()) === "granted";
    preferences.change({ desktop_notices: isWanted });
    draw(isWanted);
  });
  test.addEventListener("click", () => {
    new Notification("Zavora", { body: "Notifications look like this.", tag: "zavora-test" });
  });
  shows.push(({ desktop_notices: isChosen }) => draw(isChosen));
  return [
    h("div", { class: "bell-head" }, h("label", { class: "check" }, box, "Desktop notifications"), test),
    said,
  ];
}
