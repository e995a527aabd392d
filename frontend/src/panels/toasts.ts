/** Short notices in a corner, read out by screen readers (the container is a live region). */

import { byId, h } from "../core/dom.ts";

export type Tone = "good" | "bad" | "plain";

const SHOWN_MS = 6_000;
const TOASTS_MAX = 4;

export function toast(title: string, detail = "", tone: Tone = "plain"): void {
  const container = byId("toasts");
  const close = h("button", {
    class: "toast-close",
    type: "button",
    text: "×",
    attrs: { "aria-label": "Dismiss" },
    onClick: () => element.remove(),
  });
  const element = h(
    "div",
    { class: `toast ${tone}` },
    h("div", {}, h("strong", { text: title }), detail && h("p", { text: detail })),
    close,
  );
  container.append(element);
  while (container.children.length > TOASTS_MAX) container.firstElementChild?.remove();
  const timer = window.setInterval(() => {
    // A notice that is being read stays.
    if (element.matches(":hover, :focus-within")) return;
    clearInterval(timer);
    element.remove();
  }, SHOWN_MS);
}
