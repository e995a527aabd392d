/** Short notices in a corner, newest first, read out by screen readers (the container is a live region). */

import { h } from "../core/dom.ts";
import type { Notice, Notices } from "../state/notices.ts";

const SHOWN_MS = 6_000;
const TOASTS_MAX = 4;

/** Show each notice that comes, for a while. */
export function mount(container: HTMLElement, notices: Notices): void {
  notices.onAdded((notice) => {
    container.prepend(toast(notice));
    while (container.children.length > TOASTS_MAX) container.lastElementChild?.remove();
  });
}

function toast({ title, detail, tone }: Notice): HTMLElement {
  const element = h(
    "div",
    { class: `toast ${tone}` },
    h("div", {}, h("strong", { text: title }), detail && h("p", { text: detail })),
    h("button", {
      class: "toast-close",
      type: "button",
      text: "×",
      attrs: { "aria-label": "Dismiss" },
      onClick: () => element.remove(),
    }),
  );
  let timer = 0;
  // What is being read stays, and has its whole time again afterwards.
  const wait = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => element.remove(), SHOWN_MS);
  };
  const hold = () => clearTimeout(timer);
  const go = () => element.matches(":hover, :focus-within") || wait();
  element.addEventListener("pointerenter", hold);
  element.addEventListener("pointerleave", go);
  element.addEventListener("focusin", hold);
  element.addEventListener("focusout", () => setTimeout(go));
  element.addEventListener("keydown", (event) => event.key === "Escape" && element.remove());
  wait();
  return element;
}
