// The sections of the side panel: each drawn only when its words changed, none while a form is open in it, and the focus stays where it was.
import { openIn } from "./forms";
import type { Section } from "./frame";

export class Panel {
  private readonly drawn = new Map<Section, string>();
  private readonly held = new Map<Section, string>();

  constructor(private readonly root: HTMLElement) {}

  draw(section: Section, html: string): void {
    if (this.held.has(section)) this.held.set(section, html);
    else this.write(section, html);
  }

  /** Opens what takes keys (a form, a list) in a part of a section; `close` puts the section back. */
  open(section: Section, part: string, element: HTMLElement): void {
    const place = this.root.querySelector(`[data-part="${part}"]`);
    if (!place) return;
    if (!this.held.has(section)) this.held.set(section, this.drawn.get(section) ?? "");
    if (element instanceof HTMLFormElement) openIn(place, element);
    else {
      place.replaceChildren(element);
      element.focus();
    }
  }

  close(section: Section): void {
    const html = this.held.get(section);
    if (html === undefined) return;
    this.held.delete(section);
    this.drawn.delete(section);
    this.write(section, html);
  }

  closeAll(): void {
    for (const section of [...this.held.keys()]) this.close(section);
  }

  private write(section: Section, html: string): void {
    if (this.drawn.get(section) === html) return;
    const place = this.root.querySelector<HTMLElement>(`[data-part="${section}"]`);
    if (!place) return;
    const focused = this.focusedIn(place);
    this.drawn.set(section, html);
    place.hidden = html === "";
    place.innerHTML = html;
    if (focused) place.querySelector<HTMLElement>(focused)?.focus();
  }

  private focusedIn(place: HTMLElement): string {
    const now = document.activeElement;
    if (!(now instanceof HTMLElement) || !place.contains(now) || !now.dataset.do) return "";
    const value = now.dataset.value === undefined ? "" : `[data-value="${CSS.escape(now.dataset.value)}"]`;
    return `[data-do="${now.dataset.do}"]${value}`;
  }
}
