// Keys of a page: a plain table of what is pressed to what happens. Text fields keep their keys. The cockpit's held keys are not here.

/** True where typing writes text, so that single keys must not act. */
export function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  const plain = new Set(["button", "checkbox", "radio", "range", "submit", "reset", "file", "color"]);
  return target instanceof HTMLInputElement && !plain.has(target.type);
}

/** "Shift+ArrowLeft", "?", "Space", "Backquote": modifiers in the order Ctrl, Alt, Meta, Shift; Shift is left out where it makes the character. */
export function keyName(event: KeyboardEvent): string {
  const letter = event.key.length === 1;
  const name =
    event.code === "Backquote"
      ? "Backquote"
      : event.key === " "
        ? "Space"
        : letter
          ? event.key.toLowerCase()
          : event.key;
  const parts = [];
  if (event.ctrlKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.metaKey) parts.push("Meta");
  if (event.shiftKey && (!letter || /[a-z ]/i.test(event.key))) parts.push("Shift");
  return [...parts, name].join("+");
}

export type KeyTable = Record<string, (event: KeyboardEvent) => void>;

/** Space and Enter belong to the button or link that has the focus. */
function pressesItself(name: string, target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return (
    (name === "Space" && target.matches("button, summary")) ||
    (name === "Enter" && target.matches("button, summary, a[href]"))
  );
}

/** True while a dialog stands over the page: what lies under it must not act. Every dialog here is opened as a modal one. */
export function isCovered(): boolean {
  return document.querySelector("dialog[open]") !== null;
}

/** Listens until the signal is aborted. A key of the table is taken from the browser; all others are left alone. Under a dialog only the remote stop acts. */
export function bindKeys(table: KeyTable, signal: AbortSignal): void {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || isTextField(event.target)) return;
      const name = keyName(event);
      const act = Object.hasOwn(table, name) ? table[name] : undefined;
      if (!act || pressesItself(name, event.target)) return;
      if (name !== "Backquote" && isCovered()) return;
      event.preventDefault();
      act(event);
    },
    { signal },
  );
}
