// Choosing the kind of failure with one key: a numbered list that takes the keys while it is open.
import { icon } from "../icons";
import { safe } from "../text";
import { kbd } from "./stage";

const KEYS = "123456789";

export interface Choice {
  /** The chosen kind, "" for none, or null when the person left it as it was. */
  done(kind: string | null): void;
  /** The failure itself is taken back. */
  takeBack(): void;
  /** Opens the organisation's list; null for whoever may not change it. */
  edit: (() => void) | null;
}

export function kindPicker(kinds: readonly string[], current: string, choice: Choice): HTMLElement {
  const box = document.createElement("div");
  box.className = "kinds grow";
  box.setAttribute("role", "listbox");
  box.setAttribute("aria-label", "Kind of failure");
  box.tabIndex = -1;
  const option = (kind: string, index: number): string =>
    `<button type="button" role="option" class="chip pickable ${kind === current ? "err" : ""}" aria-selected="${kind === current}" data-kind="${safe(kind)}">${KEYS[index] ? kbd(KEYS[index]) : ""}${safe(kind)}</button>`;
  const edit = choice.edit
    ? `<button type="button" class="btn quiet small" data-edit>${icon("pen")}Edit the kinds</button>`
    : "";
  box.innerHTML = `<div class="row wrap">${kinds.map(option).join("")}</div><div class="row"><span class="muted s11 grow">A number chooses, ${kbd("Enter")} leaves it open, ${kbd("X")} takes the failure back</span>${edit}</div>`;
  box.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("button") : null;
    if (button?.dataset.kind !== undefined) choice.done(button.dataset.kind === current ? "" : button.dataset.kind);
    else if (button) choice.edit?.();
  });
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const chosen = kinds[KEYS.indexOf(event.key)];
    if (event.key.length === 1 && KEYS.includes(event.key)) {
      if (chosen !== undefined) choice.done(chosen);
    } else if (event.key.toLowerCase() === "x") choice.takeBack();
    else if (event.key === "ArrowRight" || event.key === "ArrowDown") move(box, 1);
    else if (event.key === "ArrowLeft" || event.key === "ArrowUp") move(box, -1);
    else if (event.key === "Escape" || (event.key === "Enter" && event.target === box)) choice.done(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return box;
}

function move(box: HTMLElement, step: number): void {
  const options = [...box.querySelectorAll<HTMLElement>("[data-kind]")];
  const now = options.indexOf(document.activeElement as HTMLElement);
  options[(now + step + options.length) % options.length]?.focus();
}
