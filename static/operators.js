/* The operators' pages: the theme's class that unfold's styles ask for, and the menu. */
"use strict";

(() => {
  const root = document.documentElement;
  const KEY = "zavora.desk-menu";

  const showTheme = () => root.classList.toggle("dark", root.dataset.theme !== "light");
  addEventListener("zavora:theme", showTheme);
  showTheme();

  const isWide = () => matchMedia("(min-width: 1024px)").matches;
  const recall = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // a browser that keeps nothing
    }
  };
  // A phone begins with the page, a wide screen with the menu beside it.
  root.classList.toggle("menu-folded", !isWide() || recall() === "folded");

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("menu-toggle");
    if (!button) return;
    const tell = () =>
      button.setAttribute("aria-expanded", String(!root.classList.contains("menu-folded")));
    tell();
    button.addEventListener("click", () => {
      const isFolded = root.classList.toggle("menu-folded");
      tell();
      if (!isWide()) return;
      try {
        localStorage.setItem(KEY, isFolded ? "folded" : "shown");
      } catch {
        // It is forgotten with the page.
      }
    });
  });
})();
