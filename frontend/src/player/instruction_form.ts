// The instruction as a small form: Enter keeps, Esc leaves it as it was. It saves nothing itself.

export class InstructionForm {
  readonly element = document.createElement("form");
  private readonly field = document.createElement("textarea");

  /** `onDone` gets the new words, or null when the person left. */
  constructor(words: string, onDone: (words: string | null) => void) {
    this.element.className = "instruction col grow";
    this.field.value = words;
    this.field.maxLength = 500;
    this.field.rows = 3;
    this.field.setAttribute("aria-label", "Instruction");
    const row = document.createElement("div");
    row.className = "row";
    row.innerHTML = '<button class="btn pri">Save</button><button type="button" class="btn quiet">Cancel</button>';
    this.element.append(this.field, row);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      onDone(this.field.value.trim());
    });
    row.lastElementChild?.addEventListener("click", () => onDone(null));
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") onDone(null);
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.element.requestSubmit();
    });
  }

  focus(): void {
    this.field.focus();
    this.field.select();
  }
}
