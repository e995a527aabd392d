/** Short notices in a corner, read out by screen readers (the container is a live region). */

import { h } from "../core/dom.ts";
import type { Tell } from "../core/notice.ts";

const SHOWN_MS = 6_000;
const TOASTS_MAX = 4;

/** Return what shows a notice in the container. */
export function mount(container: HTMLElement): Tell {
  return (title, detail = "", tone = "plain") => {
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
  };
}
