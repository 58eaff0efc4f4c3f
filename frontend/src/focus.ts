// Keeps the focus where it was for whoever works with keys when a part of the page is written anew.

const NAMES = ["do", "field", "value", "id"];
const ABLE = "button:not(:disabled), a[href]";

/** Runs `write`. The focus goes to what says the same as before, else to what stands in its place now. */
export function keepFocus(root: HTMLElement, write: () => void): void {
  const now = document.activeElement;
  if (!(now instanceof HTMLElement) || !root.contains(now)) {
    write();
    return;
  }
  const place = [...root.querySelectorAll(ABLE)].indexOf(now);
  const same = NAMES.map((name) => {
    const value = now.dataset[name];
    return value === undefined ? "" : `[data-${name}="${CSS.escape(value)}"]`;
  }).join("");
  write();
  const able = [...root.querySelectorAll<HTMLElement>(ABLE)];
  const next = able.find((one) => same !== "" && one.matches(same)) ?? able[Math.min(place, able.length - 1)];
  next?.focus({ preventScroll: true });
}
