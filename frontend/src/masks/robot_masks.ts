// <robot-masks robot name>: draws the privacy masks of a robot's cameras over their newest pictures and saves them all at once.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import { count, safe } from "../text";
import { toast } from "../toast";
import { edited, listHtml } from "./fields";
import { fromRect, MOST_REGIONS, type Region } from "./regions";
import { Stage } from "./stage";

interface Camera {
  name: string;
  width: number;
  height: number;
  regions: Region[];
}

interface Masks {
  version: number;
  in_force: number | null;
  cameras: Camera[];
}

const PICTURE_MS = 1000;
const LOOK_MS = 3000;

class RobotMasks extends HTMLElement {
  private leaving = new AbortController();
  private known: Masks | null = null;
  private regions: (readonly Region[])[] = [];
  private camera = 0;
  private chosen = -1;
  private stage: Stage | null = null;
  private problem = "";

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = frame(safe(this.getAttribute("name") ?? ""));
    const svg = this.querySelector("svg.regions") as SVGSVGElement;
    this.stage = new Stage(svg, { change: this.change, choose: this.choose, drawn: () => this.draw() }, signal);
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("change", (event) => this.typed(event), { signal });
    const image = this.image;
    image.addEventListener("load", () => this.pictured(true), { signal });
    image.addEventListener("error", () => this.pictured(false), { signal });
    const timers = [
      window.setInterval(() => this.ask(), PICTURE_MS),
      window.setInterval(() => void this.look(), LOOK_MS),
    ];
    signal.addEventListener("abort", () => {
      for (const timer of timers) window.clearInterval(timer);
    });
    window.addEventListener("beforeunload", (event) => this.dirty && event.preventDefault(), { signal });
    void this.look();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
  }

  private get url(): string {
    return `/api/robots/${encodeURIComponent(this.getAttribute("robot") ?? "")}`;
  }

  private get image(): HTMLImageElement {
    return this.querySelector("img.newest") as HTMLImageElement;
  }

  private get dirty(): boolean {
    const before = this.known?.cameras.map((camera) => camera.regions);
    return before !== undefined && JSON.stringify(before) !== JSON.stringify(this.regions);
  }

  // -- what the server says ---------------------------------------------------------------------

  private async look(): Promise<void> {
    try {
      this.take(await call<Masks>("GET", `${this.url}/masks`, undefined, this.leaving.signal));
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.problem = error.message;
    }
    this.draw();
  }

  /** Keeps what is being drawn; the server's own masks are shown when nothing is. */
  private take(masks: Masks, replace = false): void {
    this.problem = "";
    const keep = this.dirty && !replace;
    const version = keep ? (this.known?.version ?? masks.version) : masks.version;
    if (!keep) this.regions = masks.cameras.map((camera) => camera.regions);
    this.known = keep && this.known ? { ...this.known, in_force: masks.in_force, version } : masks;
    this.ask();
  }

  private async save(): Promise<void> {
    if (!this.known) return;
    const cameras = Object.fromEntries(this.known.cameras.map((camera, i) => [camera.name, this.regions[i] ?? []]));
    try {
      this.take(await call<Masks>("PUT", `${this.url}/masks`, { version: this.known.version, cameras }), true);
      toast("The robot applies them as soon as it is connected.", { strong: "Masks saved." });
      say("Masks saved.");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "The masks were not saved." });
    }
    this.draw();
  }

  // -- the picture ------------------------------------------------------------------------------

  private ask(): void {
    if (document.hidden || !this.known) return;
    this.image.src = `${this.url}/snapshot.jpg?camera=${this.camera}&t=${Math.floor(Date.now() / PICTURE_MS)}`;
  }

  private pictured(there: boolean): void {
    this.image.hidden = !there;
    const wait = this.at("wait");
    wait.hidden = there;
    if (there) return;
    const away = this.known?.in_force === null;
    wait.textContent = away
      ? "The robot is not connected. Masks can be set all the same; it gets them before anything else."
      : "Waiting for a picture of this camera.";
  }

  // -- what a person does -----------------------------------------------------------------------

  private readonly change = (regions: readonly Region[], chosen: number): void => {
    this.regions = this.regions.map((old, i) => (i === this.camera ? regions : old));
    this.chosen = chosen;
    this.draw();
  };

  private readonly choose = (index: number): void => {
    this.chosen = index;
    this.draw();
  };

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    const here = this.regions[this.camera] ?? [];
    switch (button?.dataset.do) {
      case "camera":
        this.camera = Number(button.dataset.index);
        this.chosen = -1;
        this.image.hidden = true;
        this.ask();
        break;
      case "rect":
        this.change([...here, fromRect({ left: 0.4, top: 0.4, width: 0.2, height: 0.2 })], here.length);
        this.querySelector<HTMLInputElement>(`input[name="${here.length}.left"]`)?.focus();
        return;
      case "polygon":
        if (this.stage?.drawing) this.stage.stopPolygon();
        else this.stage?.startPolygon();
        break;
      case "remove":
        this.change(
          here.filter((_, i) => i !== Number(button.dataset.index)),
          -1,
        );
        return;
      case "undo":
        if (this.known) this.regions = this.known.cameras.map((camera) => camera.regions);
        this.chosen = -1;
        break;
      case "save":
        void this.save();
        return;
      default:
        return;
    }
    this.draw();
  }

  private typed(event: Event): void {
    const input = event.target as HTMLInputElement;
    const next = edited(this.regions[this.camera] ?? [], input.name, input.valueAsNumber);
    if (next) this.change(next, Number(input.name.split(".")[0]));
  }

  // -- drawing ----------------------------------------------------------------------------------

  private draw(): void {
    const { known } = this;
    this.at("problem").innerHTML = this.problem
      ? `<div class="banner warn" role="alert">${icon("warning")}<span>${safe(this.problem)}</span></div>`
      : "";
    if (!known) return;
    const camera = known.cameras[this.camera];
    const here = this.regions[this.camera] ?? [];
    const drawing = this.stage?.drawing ?? false;
    this.put("status", statusHtml(known));
    this.put(
      "cameras",
      known.cameras.map((one, i) => tab(one.name, this.regions[i]?.length ?? 0, i, i === this.camera)).join(""),
    );
    this.put("tools", toolsHtml(here.length, drawing));
    this.put("foot", footHtml(this.dirty));
    this.fields(here);
    if (!camera) return;
    this.at("stage").style.aspectRatio = `${camera.width} / ${camera.height}`;
    this.stage?.show(here, this.chosen, [camera.width, camera.height]);
  }

  /** A field that is being typed in keeps its focus. */
  private fields(here: readonly Region[]): void {
    const focused = document.activeElement instanceof HTMLInputElement ? document.activeElement.name : "";
    this.put("list", listHtml(here, this.chosen));
    if (focused) this.querySelector<HTMLInputElement>(`input[name="${focused}"]`)?.focus();
  }

  private put(name: string, html: string): void {
    const part = this.at(name);
    if (part.dataset.now === html) return;
    part.dataset.now = html;
    const focused = part.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset : null;
    part.innerHTML = html;
    if (focused?.do)
      part
        .querySelector<HTMLElement>(
          `[data-do="${focused.do}"][data-index="${focused.index ?? ""}"], [data-do="${focused.do}"]`,
        )
        ?.focus();
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

function frame(name: string): string {
  return `<div class="head"><h1>Privacy masks of ${name}</h1><span data-part="status" role="status"></span></div>
  <p class="t2 lead">What is masked turns black on the robot, before anything is encoded: live video, recordings, snapshots and what a policy sees.</p>
  <div data-part="problem"></div>
  <div class="masking"><section class="panel"><div class="ph"><div class="seg" data-part="cameras" role="group" aria-label="Camera"></div><span class="sp"></span><div class="row" data-part="tools"></div></div>
  <div class="stage" data-part="stage"><img class="newest" alt="Newest picture of this camera" hidden><p class="wait muted" data-part="wait">Waiting for a picture of this camera.</p>
  <svg class="regions" tabindex="-1" preserveAspectRatio="none" role="group" aria-label="Masked regions"></svg></div></section>
  <section class="panel side-list"><div class="ph"><h2>Masked regions</h2></div><div class="pb" data-part="list"></div><div class="pb ends" data-part="foot"></div></section></div>`;
}

function statusHtml(known: Masks): string {
  if (known.in_force === null) return `<span class="chip">${icon("link")}Robot not connected</span>`;
  if (known.in_force === known.version) {
    const words = known.version === 0 ? "No masks were ever set" : "In force on the robot";
    return `<span class="chip ok">${icon("check")}${words}</span>`;
  }
  return `<span class="chip warn">${icon("clock")}Waits for the robot to apply them</span>`;
}

function tab(name: string, regions: number, i: number, on: boolean): string {
  const masked = regions > 0 ? ` <span class="muted s11">${count(regions, "region")}</span>` : "";
  return `<button type="button" data-do="camera" data-index="${i}" aria-pressed="${on}">${safe(name)}${masked}</button>`;
}

function toolsHtml(regions: number, drawing: boolean): string {
  const full = regions >= MOST_REGIONS ? " disabled" : "";
  const hint = drawing
    ? '<span class="muted s11">click each corner, then <kbd>Enter</kbd>; <kbd>Esc</kbd> gives up</span>'
    : "";
  return `${hint}<button type="button" class="btn" data-do="rect"${full}>${icon("plus")}Rectangle</button>
    <button type="button" class="btn" data-do="polygon" aria-pressed="${drawing}"${full}>${icon("pen")}Polygon</button>`;
}

function footHtml(dirty: boolean): string {
  const off = dirty ? "" : " disabled";
  const words = dirty ? '<span class="warn">Not saved yet</span>' : '<span class="muted">Saved</span>';
  return `<div class="row">${words}<span class="sp"></span><button type="button" class="btn" data-do="undo"${off}>Undo changes</button>
    <button type="button" class="btn pri" data-do="save"${off}>Save masks</button></div>`;
}

customElements.define("robot-masks", RobotMasks);
