// The sections of the side panel: each drawn only when its words changed, none while somebody writes in it, and the focus stays where it was.
import { openIn } from "./forms";
import type { Section } from "./frame";

/** What takes keys in a part of a section, and what the section says meanwhile. */
interface Open {
  html: string;
  part: string;
  element: HTMLElement;
}

export class Panel {
  private readonly drawn = new Map<Section, string>();
  private readonly held = new Map<Section, Open>();

  constructor(private readonly root: HTMLElement) {}

  draw(section: Section, html: string): void {
    const open = this.held.get(section);
    if (open) open.html = html;
    if (!open) this.write(section, html);
    else if (!(open.element instanceof HTMLFormElement)) this.drawAround(section, open);
  }

  /** Opens what takes keys (a form, a list) in a part of a section; `close` puts the section back. */
  open(section: Section, part: string, element: HTMLElement): void {
    const place = this.root.querySelector(`[data-part="${part}"]`);
    if (!place) return;
    const html = this.held.get(section)?.html ?? this.drawn.get(section) ?? "";
    this.held.set(section, { html, part, element });
    if (element instanceof HTMLFormElement) openIn(place, element);
    else {
      place.replaceChildren(element);
      element.focus();
    }
  }

  close(section: Section): void {
    const open = this.held.get(section);
    if (!open) return;
    this.held.delete(section);
    this.drawn.delete(section);
    this.write(section, open.html);
  }

  closeAll(): void {
    for (const section of [...this.held.keys()]) this.close(section);
  }

  /** A list stays open, with the focus in it, while the rest of its section follows what was chosen. */
  private drawAround(section: Section, { html, part, element }: Open): void {
    const focused = element.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
    this.write(section, html);
    this.root.querySelector(`[data-part="${part}"]`)?.replaceChildren(element);
    focused?.focus();
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
