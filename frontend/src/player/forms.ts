// Small forms in place of a text: Enter keeps, Esc leaves it as it was. They save nothing themselves.

export interface Field {
  label: string;
  value: string;
  most: number;
  /** More lines: Enter keeps, Shift+Enter begins a new one. */
  lines?: number;
  /** Words to choose from while typing. */
  offers?: readonly string[];
}

/** `onDone` gets the new words, or null when the person left. */
export function textForm(field: Field, onDone: (words: string | null) => void): HTMLFormElement {
  const form = document.createElement("form");
  form.className = "small-form col grow";
  const input = field.lines ? document.createElement("textarea") : document.createElement("input");
  if (input instanceof HTMLTextAreaElement) input.rows = field.lines ?? 1;
  input.value = field.value;
  input.maxLength = field.most;
  input.autocomplete = "off";
  input.setAttribute("aria-label", field.label);
  if (input instanceof HTMLInputElement) input.placeholder = field.label;
  form.append(input);
  if (field.offers?.length) form.append(offers(input, field.offers));
  if (field.lines) form.append(buttons(() => onDone(null)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onDone(input.value.trim());
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      return onDone(null);
    }
    const keeps = event.key === "Enter" && event.target === input && !event.shiftKey && !event.isComposing;
    if (!keeps) return;
    event.preventDefault();
    form.requestSubmit();
  });
  return form;
}

/** Puts the form where the element is and gives it the focus. */
export function openIn(place: Element, form: HTMLFormElement): void {
  place.replaceChildren(form);
  const field = form.querySelector<HTMLInputElement | HTMLTextAreaElement>("input, textarea");
  field?.focus();
  field?.select();
}

let made = 0;

function offers(input: HTMLInputElement | HTMLTextAreaElement, words: readonly string[]): HTMLDataListElement {
  const list = document.createElement("datalist");
  made += 1;
  list.id = `offers-${made}`;
  for (const word of words) list.append(new Option(word));
  input.setAttribute("list", list.id);
  return list;
}

function buttons(leave: () => void): HTMLElement {
  const row = document.createElement("div");
  row.className = "row";
  row.innerHTML = '<button class="btn pri">Save</button><button type="button" class="btn quiet">Cancel</button>';
  row.lastElementChild?.addEventListener("click", leave);
  return row;
}
