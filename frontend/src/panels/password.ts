/** The button that shows a password while it is typed. */

export function mount(input: HTMLInputElement): void {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small show-password";
  button.setAttribute("aria-controls", input.id);
  const show = (isShown: boolean) => {
    input.type = isShown ? "text" : "password";
    button.textContent = isShown ? "Hide" : "Show";
  };
  show(false);
  button.addEventListener("click", () => show(input.type === "password"));
  // Sent as a password, whatever was shown: browsers remember other texts.
  input.form?.addEventListener("submit", () => show(false));
  input.after(button);
  input.parentElement?.classList.add("has-show");
}
