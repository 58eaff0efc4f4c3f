// Marks of objects over the pictures: shows those of the row on the screen, and lets a person place one with keys or pointer.
import { isCovered, isTextField } from "../keys";
import { safe } from "../text";
import { type Aim, between, CENTRE, grown, moved, styleOf } from "./aim";
import { openIn, textForm } from "./forms";
import type { MarkShown } from "./shapes";
import type { MarkPlace } from "./store";

const STEP = 0.01;

export class Marking {
  private layers: HTMLElement[] = [];
  private camera = 0;
  private aim: Aim = CENTRE;
  private placing = new AbortController();
  private active = false;
  private at = 0; // the row of the picture that is aimed at

  /** `onPlaced` gets what was marked, with its name. */
  constructor(
    private readonly root: HTMLElement,
    private readonly row: () => number,
    private readonly onPlaced: (mark: MarkPlace) => void,
  ) {}

  /** Marks of this row, drawn over the pictures. Another row than the one that is aimed at ends the aiming. */
  show(marks: readonly MarkShown[], row: number): void {
    if (this.active && row === this.at) return;
    if (this.active) this.stop();
    for (const layer of this.find()) {
      const here = marks.filter((m) => m.row === row && m.camera === layer.dataset.objects);
      const html = here.map(markHtml).join("");
      if (layer.innerHTML !== html) layer.innerHTML = html;
    }
  }

  /** Arrows move, with Ctrl they grow a box, Tab takes the next camera, Enter asks for the name, Esc leaves. */
  start(lastName: string): void {
    this.layers = this.find();
    if (this.active || this.layers.length === 0) return;
    this.active = true;
    this.at = this.row();
    this.camera = 0;
    this.aim = CENTRE;
    this.placing = new AbortController();
    const { signal } = this.placing;
    document.addEventListener("keydown", (event) => this.key(event, lastName), { signal, capture: true });
    this.layers.forEach((layer, index) => {
      this.pointer(layer, index, lastName, signal);
    });
    this.root.dataset.marking = "true";
    this.draw();
  }

  stop(): void {
    this.placing.abort();
    this.active = false;
    delete this.root.dataset.marking;
    for (const layer of this.layers) layer.replaceChildren();
  }

  private find(): HTMLElement[] {
    return [...this.root.querySelectorAll<HTMLElement>("[data-objects]")];
  }

  private key(event: KeyboardEvent, lastName: string): void {
    if (isTextField(event.target) || isCovered() || event.altKey || event.metaKey) return;
    const far = event.shiftKey ? 5 * STEP : STEP;
    const way: Record<string, [number, number]> = {
      ArrowLeft: [-far, 0],
      ArrowRight: [far, 0],
      ArrowUp: [0, -far],
      ArrowDown: [0, far],
    };
    const step = way[event.key];
    if (step) this.aim = (event.ctrlKey ? grown : moved)(this.aim, ...step);
    else if (event.key === "Tab") this.camera = (this.camera + 1) % this.layers.length;
    else if (event.key === "Enter") this.ask(lastName);
    else if (event.key === "Escape") this.stop();
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key !== "Enter" && this.active) this.draw();
  }

  private pointer(layer: HTMLElement, index: number, lastName: string, signal: AbortSignal): void {
    const at = (event: PointerEvent): { x: number; y: number } => {
      const box = layer.getBoundingClientRect();
      return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    };
    let from: { x: number; y: number } | null = null;
    const begin = (event: PointerEvent): void => {
      if (event.button !== 0 || (event.target instanceof Element && event.target.closest("form"))) return;
      event.preventDefault();
      layer.setPointerCapture(event.pointerId);
      from = at(event);
      this.camera = index;
      this.aim = between(from, from);
      this.draw();
    };
    const drag = (event: PointerEvent): void => {
      if (!from) return;
      this.aim = between(from, at(event));
      this.draw();
    };
    const end = (): void => {
      if (!from) return;
      from = null;
      this.ask(lastName);
    };
    layer.addEventListener("pointerdown", begin, { signal });
    layer.addEventListener("pointermove", drag, { signal });
    layer.addEventListener("pointerup", end, { signal });
  }

  private draw(): void {
    this.layers.forEach((layer, index) => {
      const hint = `<p class="hint">${index === this.camera ? "Arrows move, Ctrl grows a box, Tab other camera, Enter names it, Esc leaves" : ""}</p>`;
      layer.innerHTML = index === this.camera ? `${markHtml({ ...this.aim, name: "" })}${hint}` : "";
    });
  }

  private ask(lastName: string): void {
    const layer = this.layers[this.camera];
    if (!layer) return;
    this.draw();
    const holder = document.createElement("div");
    holder.className = "naming";
    holder.style.left = `${100 * Math.min(0.7, this.aim.x)}%`;
    holder.style.top = `${100 * Math.min(0.85, this.aim.y + this.aim.height)}%`;
    layer.append(holder);
    const form = textForm({ label: "What is it?", value: lastName, most: 60 }, (name) => {
      if (name === null) return this.draw();
      if (name === "") return;
      const mark = { row: this.at, camera: layer.dataset.objects ?? "", name, ...this.aim };
      this.stop();
      this.onPlaced(mark);
    });
    openIn(holder, form);
  }
}

function markHtml(mark: Aim & { name: string }): string {
  const name = mark.name ? `<b>${safe(mark.name)}</b>` : "";
  return `<div class="object ${mark.width > 0 ? "box" : "point"}" style="${styleOf(mark)}">${name}</div>`;
}
