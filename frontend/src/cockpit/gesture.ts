// The pointer on the picture: a drag moves the tool in the picture's plane, the wheel away and nearer, a click in step mode one step towards it.
import type { Camera, Embodiment } from "../generated/protocol";
import type { Drag } from "./drag";
import {
  depth,
  limited,
  type PictureFrame,
  pictureFrame,
  project,
  toolPosition,
  unproject,
  type Vec,
} from "./geometry";

const CLICK_PX = 5;
const STEP_MOST_M = 0.05;
const USUAL_DEPTH_M = 1;

export interface Scene {
  embodiment: Embodiment;
  camera: Camera;
  state: readonly number[];
}

export interface GestureFacts {
  scene(): Scene | null;
  /** The page is in control and may move continuously; or only by steps; or not at all. */
  permitted(): "drag" | "step" | "none";
  deadman(): boolean;
  stepBy(shift: Vec): void;
  changed(): void;
}

/** Camera pixels per CSS pixel, and where the picture begins, when it is fitted whole into the box. */
export function fitted(
  box: { width: number; height: number },
  camera: { width: number; height: number },
): { perPx: number; left: number; top: number } {
  const perPx = Math.max(camera.width / box.width, camera.height / box.height);
  return {
    perPx,
    left: (box.width - camera.width / perPx) / 2,
    top: (box.height - camera.height / perPx) / 2,
  };
}

interface Sight {
  frame: PictureFrame;
  depthM: number;
  tool: Vec | null;
}

function sightOf(scene: Scene): Sight | null {
  const frame = pictureFrame(scene.camera, scene.embodiment, scene.state);
  if (!frame) return null;
  const tool = toolPosition(scene.embodiment, scene.state);
  const depthM = tool ? Math.max(0.05, depth(frame, tool)) : USUAL_DEPTH_M;
  return { frame, depthM, tool };
}

/** From the tool towards a clicked pixel, at the tool's depth, at most one step long. */
export function towards(scene: Scene, u: number, v: number): Vec | null {
  const sight = sightOf(scene);
  const at = sight?.tool && project(scene.camera, sight.frame, sight.tool);
  if (!sight || !at) return null;
  return limited(unproject(scene.camera, sight.frame, u - at[0], v - at[1], sight.depthM), STEP_MOST_M);
}

export class Gesture {
  private last: readonly [number, number] | null = null;
  private travelled = 0;

  constructor(
    private readonly surface: HTMLElement,
    private readonly drag: Drag,
    private readonly facts: GestureFacts,
  ) {}

  listen(signal: AbortSignal): void {
    const { surface } = this;
    surface.addEventListener("pointerdown", (event) => this.grab(event), { signal });
    surface.addEventListener("pointermove", (event) => this.move(event), { signal });
    surface.addEventListener("pointerup", (event) => this.up(event), { signal });
    surface.addEventListener("pointercancel", () => this.cancel(), { signal });
    surface.addEventListener("lostpointercapture", () => this.cancel(), { signal });
    surface.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
  }

  private grab(event: PointerEvent): void {
    const wanted = event.target === this.surface || event.target instanceof HTMLVideoElement;
    if (event.button !== 0 || !event.isPrimary || !wanted) return;
    this.surface.focus({ preventScroll: true });
    if (this.facts.permitted() === "none" || !this.facts.scene()) return;
    this.surface.setPointerCapture(event.pointerId);
    this.last = [event.clientX, event.clientY];
    this.travelled = 0;
    if (this.facts.permitted() === "drag") this.drag.grab();
    this.facts.changed();
  }

  private move(event: PointerEvent): void {
    const scene = this.facts.scene();
    if (!this.last || !scene) return;
    const [dx, dy] = [event.clientX - this.last[0], event.clientY - this.last[1]];
    this.last = [event.clientX, event.clientY];
    this.travelled += Math.hypot(dx, dy);
    const sight = sightOf(scene);
    if (!this.drag.held || !sight) return;
    const { perPx } = fitted(this.surface.getBoundingClientRect(), scene.camera);
    this.drag.by(unproject(scene.camera, sight.frame, dx * perPx, dy * perPx, sight.depthM));
  }

  private up(event: PointerEvent): void {
    const clicked = this.last !== null && this.travelled < CLICK_PX;
    this.cancel();
    const scene = this.facts.scene();
    if (!clicked || !scene || this.facts.permitted() !== "step") return;
    const box = this.surface.getBoundingClientRect();
    const { perPx, left, top } = fitted(box, scene.camera);
    const shift = towards(scene, (event.clientX - box.left - left) * perPx, (event.clientY - box.top - top) * perPx);
    if (shift) this.facts.stepBy(shift);
  }

  private cancel(): void {
    if (!this.last) return;
    this.last = null;
    this.drag.drop();
    this.facts.changed();
  }

  private wheel(event: WheelEvent): void {
    const scene = this.facts.scene();
    const sight = scene && sightOf(scene);
    if (!sight || this.facts.permitted() !== "drag" || !this.facts.deadman()) return;
    event.preventDefault();
    this.drag.wheel(event.deltaY, sight.frame.forward);
  }
}
