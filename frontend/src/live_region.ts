// The two live regions of the page: polite for changes of state, assertive for a stop or lost control.

function region(id: string, politeness: "polite" | "assertive"): HTMLElement {
  const found = document.getElementById(id);
  if (found) return found;
  const made = document.createElement("div");
  made.id = id;
  made.className = "sr";
  made.setAttribute("aria-live", politeness);
  document.body.append(made);
  return made;
}

/** Says a change of state when the reader is free; the same words twice in a row are said once. */
export function say(text: string): void {
  const box = region("say", "polite");
  if (box.textContent !== text) box.textContent = text;
}

/** Interrupts: a stop, or control that was lost. */
export function alarm(text: string): void {
  const box = region("alarm", "assertive");
  if (box.textContent !== text) box.textContent = text;
}
