// The picture with its masked regions, drawn and changed by pointer or arrow keys. Knows one camera; tells what it wants changed.
import {
  area,
  between,
  fromRect,
  LEAST,
  MOST_CORNERS,
  MOST_REGIONS,
  moved,
  neatPoint,
  type Point,
  type Rect,
  type Region,
  withCorner,
} from "./regions";

export interface Wishes {
  change(regions: readonly Region[], chosen: number): void;
  choose(index: number): void;
  /** Drawing a polygon ended or was given up. */
  drawn(): void;
}

/** `index` is -1 until the rectangle is large enough to be one. */
interface Drawn {
  kind: "new";
  from: Point;
  index: number;
}
type Hold =
  | Drawn
  | { kind: "move"; index: number; from: Point; shape: Region }
  | { kind: "corner"; index: number; corner: number };

const STEP = 0.01;
const ARROWS: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Stage {
  private regions: readonly Region[] = [];
  private chosen = -1;
  private hold: Hold | null = null;
  private polygon: Point[] | null = null;
  private size: Point = [640, 480];

  constructor(
    private readonly svg: SVGSVGElement,
    private readonly wishes: Wishes,
    signal: AbortSignal,
  ) {
    svg.addEventListener("pointerdown", (event) => this.down(event), { signal });
    svg.addEventListener("pointermove", (event) => this.move(event), { signal });
    svg.addEventListener("pointerup", () => this.up(), { signal });
    svg.addEventListener("pointercancel", () => this.up(), { signal });
    svg.addEventListener("dblclick", () => this.close(), { signal });
    svg.addEventListener("keydown", (event) => this.key(event), { signal });
    svg.addEventListener("focusin", (event) => this.focused(event), { signal });
  }

  get drawing(): boolean {
    return this.polygon !== null;
  }

  /** `size` is the camera's width and height in pixels. */
  show(regions: readonly Region[], chosen: number, size: Point): void {
    this.size = size;
    this.svg.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
    this.regions = regions;
    this.chosen = chosen;
    this.render();
  }

  startPolygon(): void {
    this.polygon = [];
    this.svg.focus();
    this.render();
  }

  stopPolygon(): void {
    this.polygon = null;
    this.wishes.drawn();
    this.render();
  }

  private at(event: PointerEvent): Point {
    const box = this.svg.getBoundingClientRect();
    return neatPoint((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const point = this.at(event);
    if (this.polygon) {
      if (this.polygon.length < MOST_CORNERS) this.polygon.push(point);
      this.render();
      return;
    }
    const target = event.target as SVGElement;
    const index = Number(target.dataset.index ?? -1);
    this.svg.setPointerCapture(event.pointerId);
    if (target.dataset.corner) this.hold = { kind: "corner", index, corner: Number(target.dataset.corner) };
    else if (index >= 0) {
      this.hold = { kind: "move", index, from: point, shape: this.regions[index] ?? [] };
      this.wishes.choose(index);
    } else this.hold = { kind: "new", from: point, index: -1 };
  }

  private move(event: PointerEvent): void {
    const hold = this.hold;
    if (!hold) return;
    const [x, y] = this.at(event);
    if (hold.kind === "corner") {
      this.put(hold.index, withCorner(this.regions[hold.index] ?? [], hold.corner, [x, y]));
    } else if (hold.kind === "move") {
      this.put(hold.index, moved(hold.shape, x - hold.from[0], y - hold.from[1]));
    } else {
      this.draw(hold, between(hold.from, [x, y]));
    }
  }

  /** A new rectangle begins to be one when it is larger than a slip of the hand. */
  private draw(hold: Drawn, rect: Rect): void {
    const fair = fromRect({ ...rect, width: Math.max(LEAST, rect.width), height: Math.max(LEAST, rect.height) });
    if (hold.index >= 0) this.put(hold.index, fair);
    else if (rect.width >= LEAST && rect.height >= LEAST && this.regions.length < MOST_REGIONS) {
      this.hold = { ...hold, index: this.regions.length };
      this.wishes.change([...this.regions, fair], this.regions.length);
    }
  }

  private up(): void {
    this.hold = null;
  }

  private close(): void {
    if (!this.polygon) return;
    const corners = this.polygon.filter(
      (point, i, all) => i === 0 || point[0] !== all[i - 1]?.[0] || point[1] !== all[i - 1]?.[1],
    );
    if (corners.length < 3 || area(corners) < LEAST * LEAST) return;
    this.polygon = null;
    this.wishes.change([...this.regions, corners], this.regions.length);
    this.wishes.drawn();
  }

  private key(event: KeyboardEvent): void {
    if (this.polygon) {
      if (event.key === "Enter") this.close();
      else if (event.key === "Escape") this.stopPolygon();
      else return;
      event.preventDefault();
      return;
    }
    const index = Number((event.target as SVGElement).dataset.index ?? -1);
    const region = this.regions[index];
    const arrow = ARROWS[event.key];
    if (!region) return;
    if (arrow) {
      const step = event.shiftKey ? 5 * STEP : STEP;
      this.put(index, moved(region, arrow[0] * step, arrow[1] * step));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.wishes.change(
        this.regions.filter((_, i) => i !== index),
        -1,
      );
    } else return;
    event.preventDefault();
  }

  private focused(event: FocusEvent): void {
    const index = Number((event.target as SVGElement).dataset.index ?? -1);
    if (index >= 0 && index !== this.chosen) this.wishes.choose(index);
  }

  private put(index: number, region: Region): void {
    this.wishes.change(
      this.regions.map((old, i) => (i === index ? region : old)),
      index,
    );
  }

  private render(): void {
    const focused = this.svg.contains(document.activeElement)
      ? (document.activeElement as SVGElement).dataset.index
      : undefined;
    const shapes = this.regions.map((region, i) => this.shape(region, i));
    const handles = this.polygon ? "" : this.dots(this.regions[this.chosen] ?? [], "corner");
    const line = this.polygon
      ? `<polyline points="${this.points(this.polygon)}"/>${this.dots(this.polygon, "dot")}`
      : "";
    this.svg.classList.toggle("drawing", this.polygon !== null);
    this.svg.innerHTML = shapes.join("") + handles + line;
    if (focused !== undefined) this.svg.querySelector<SVGElement>(`polygon[data-index="${focused}"]`)?.focus();
  }

  private points(region: Region): string {
    return region.map(([x, y]) => `${x * this.size[0]},${y * this.size[1]}`).join(" ");
  }

  private shape(region: Region, i: number): string {
    const words = `Region ${i + 1}, ${Math.round(area(region) * 100)} % of the picture. Arrow keys move it.`;
    return `<polygon tabindex="0" role="button" aria-pressed="${i === this.chosen}" aria-label="${words}" data-index="${i}" points="${this.points(region)}"/>`;
  }

  private dots(region: Region, name: string): string {
    const r = this.size[0] / 90;
    return region
      .map(
        ([x, y], i) =>
          `<circle class="${name}" data-index="${this.chosen}" data-corner="${i}" cx="${x * this.size[0]}" cy="${y * this.size[1]}" r="${r}"/>`,
      )
      .join("");
  }
}
