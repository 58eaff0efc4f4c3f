// Writing to the page only what changed, and finding its named parts. No state of the robot here.

/** The parts of a template that carry `data-ref`. */
export class Refs {
  private readonly found = new Map<string, HTMLElement>();

  constructor(root: HTMLElement) {
    for (const part of root.querySelectorAll<HTMLElement>("[data-ref]")) this.found.set(part.dataset.ref ?? "", part);
  }

  get(name: string): HTMLElement {
    const part = this.found.get(name);
    if (!part) throw new Error(`The cockpit's template has no part "${name}".`);
    return part;
  }
}

const written = new WeakMap<Element, string>();

export function setText(part: Element, text: string): void {
  if (written.get(part) === text) return;
  written.set(part, text);
  part.textContent = text;
}

/** `html` is made of safe text (`safe`) only. */
export function setHtml(part: Element, html: string): void {
  if (written.get(part) === html) return;
  written.set(part, html);
  part.innerHTML = html;
}

export function show(part: HTMLElement, visible: boolean): void {
  if (part.hidden === visible) part.hidden = !visible;
}

export function setClass(part: Element, names: string): void {
  if (part.className !== names) part.className = names;
}

export function setStyle(part: HTMLElement, name: string, value: string): void {
  if (part.style.getPropertyValue(name) !== value) part.style.setProperty(name, value);
}

export function setData(part: HTMLElement, name: string, value: string): void {
  if (part.dataset[name] !== value) part.dataset[name] = value;
}

export function setDisabled(part: HTMLElement, disabled: boolean): void {
  if (part instanceof HTMLButtonElement && part.disabled !== disabled) part.disabled = disabled;
}
