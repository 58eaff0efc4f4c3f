// What somebody has written into the forms of a page and not sent yet: it outlives a redraw, and so does the place of the cursor.

type Field = HTMLInputElement | HTMLSelectElement;

/** The fields of a form that have a name and a value of their own; a select only fills others in. */
function fields(form: HTMLFormElement): HTMLInputElement[] {
  return [...form.querySelectorAll<HTMLInputElement>("input[name]")];
}

export class Typed {
  private readonly forms = new Map<string, Map<string, string | boolean>>();

  /** To be called when something in the form was changed. */
  note(form: HTMLFormElement): void {
    const kept = new Map<string, string | boolean>();
    for (const field of fields(form)) {
      if (field.type === "checkbox" && field.checked !== field.defaultChecked) kept.set(field.name, field.checked);
      if (field.type !== "checkbox" && field.value !== field.defaultValue) kept.set(field.name, field.value);
    }
    this.forms.set(form.dataset.form ?? "", kept);
  }

  /** It was sent and kept. */
  forget(form: string): void {
    this.forms.delete(form);
  }

  /** Runs `draw`, then puts what was typed, and the focus, into the forms that it made. */
  across(root: HTMLElement, draw: () => void): void {
    const at = place(root);
    draw();
    for (const form of root.querySelectorAll<HTMLFormElement>("form[data-form]")) {
      const kept = this.forms.get(form.dataset.form ?? "");
      for (const field of fields(form)) {
        const value = kept?.get(field.name);
        if (typeof value === "boolean") field.checked = value;
        else if (value !== undefined) field.value = value;
      }
    }
    at?.();
  }
}

/** Puts the focus back into the field that has it now; null when none of the forms has it. */
function place(root: HTMLElement): (() => void) | null {
  const now = document.activeElement as Field | null;
  const form = now?.form?.dataset.form;
  if (!now?.name || !form || !root.contains(now)) return null;
  const text = now instanceof HTMLInputElement && now.type === "text";
  const [first, last] = text ? [now.selectionStart, now.selectionEnd] : [null, null];
  return () => {
    const field = root.querySelector<Field>(`form[data-form="${form}"] [name="${now.name}"]`);
    field?.focus();
    if (text && field instanceof HTMLInputElement) field.setSelectionRange(first, last);
  };
}
