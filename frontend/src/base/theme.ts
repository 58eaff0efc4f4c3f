// Dark or light, remembered in this browser. The early part, which avoids a flash, is inline in base.html.

const KEY = "reins-theme";

function apply(theme: string): void {
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll<HTMLElement>("[data-theme-toggle]")) {
    const words = button.querySelector("span");
    if (words) words.textContent = theme === "light" ? "Dark theme" : "Light theme";
  }
  document.dispatchEvent(new CustomEvent("themechange"));
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-theme-toggle]")) return;
  const theme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  window.localStorage.setItem(KEY, theme);
  apply(theme);
});

apply(document.documentElement.dataset.theme ?? "dark");
