// Plays the strip of small pictures while the pointer rests on a card or the keyboard is on it. One at a time; nothing loads before.
import { PICTURES } from "./cards";

const STEP_MS = 160;

export class HoverLoop {
  private box: HTMLElement | null = null;
  private layer: HTMLElement | null = null;
  private timer = 0;

  /** Starts on this camera box, or stops with null. */
  on(box: HTMLElement | null): void {
    if (box === this.box) return;
    this.stop();
    const strip = box?.dataset.strip;
    if (!box || !strip || window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.box = box;
    const image = new Image();
    image.addEventListener("load", () => this.box === box && this.play(box, strip));
    image.src = strip;
  }

  stop(): void {
    window.clearInterval(this.timer);
    this.layer?.remove();
    this.box = null;
    this.layer = null;
  }

  private play(box: HTMLElement, strip: string): void {
    const layer = document.createElement("span");
    layer.className = "loop";
    layer.style.backgroundImage = `url("${strip}")`;
    layer.style.backgroundSize = `${PICTURES * 100}% 100%`;
    box.append(layer);
    this.layer = layer;
    let number = 0;
    const show = (): void => {
      layer.style.backgroundPositionX = `${(100 * number) / (PICTURES - 1)}%`;
      layer.style.setProperty("--at", `${(100 * (number + 1)) / PICTURES}%`);
      number = (number + 1) % PICTURES;
    };
    show();
    this.timer = window.setInterval(show, STEP_MS);
  }
}
