// Dark or light, remembered in a cookie so that the server writes the right one into the page and nothing flashes.

function apply(theme: string): void {
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll<HTMLElement>("[data-theme-toggle]")) {
    const words = button.querySelector("span");
    if (words) words.textContent = theme === "light" ? "Dark theme" : "Light theme";
  }
  document.dispatchEvent(new CustomEvent("themechange"));
}

function remember(theme: string): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in two of the three browsers.
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-theme-toggle]")) return;
  const theme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  remember(theme);
  apply(theme);
});

apply(document.documentElement.dataset.theme ?? "dark");
