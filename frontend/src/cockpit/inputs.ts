// What hands do: keys, gamepad, pointer on the picture. Turns events of the page into a wish; says nothing to the robot.

import type { Axis } from "../generated/protocol";
import { isTextField } from "../keys";
import { Drag } from "./drag";
import { deadmanHeld, keyWish, NOTHING, plus, velocityWish, type Wish } from "./drive";
import type { Turn, Vec } from "./geometry";
import { HeldKeys } from "./held";
import { type Action, isStopKey, type Keymap, type Motion, REINS } from "./keymap";
import { PAD_REST, Pad, type PadReading, type PadWish } from "./pad";

export interface InputEvents {
  stop(): void;
  act(action: Action): void;
  camera(number: number): void;
  /** A motion key newly pressed: a step, where only steps are permitted. `factor` from Shift and Z. */
  motion(motion: Motion, factor: number): void;
  arrow(right: number, up: number, away: number): void;
  /** Hands are off: the deadman was let go, or for a reason outside them: blur, lost pad. */
  lifted(): void;
  changed(): void;
  /** True while this page is in control: then Space and Tab belong to driving. */
  driving(): boolean;
}

const ARROWS: Readonly<Record<string, readonly [number, number, number]>> = {
  ArrowLeft: [-1, 0, 0],
  ArrowRight: [1, 0, 0],
  ArrowUp: [0, 1, 0],
  ArrowDown: [0, -1, 0],
  PageUp: [0, 0, 1],
  PageDown: [0, 0, -1],
};

export class Inputs {
  keymap: Keymap = REINS;
  turn: Turn = 0;
  readonly held = new HeldKeys();
  readonly drag = new Drag();
  private readonly pad = new Pad();
  private padNow: PadWish = PAD_REST;
  private padThere = false;
  private stopHeld = false;
  private wasHeld = false;

  constructor(
    private readonly events: InputEvents,
    private readonly surface: HTMLElement,
  ) {}

  listen(signal: AbortSignal): void {
    // Capture, on the window: the stop keys act from any focus and before anything on the page can swallow them.
    window.addEventListener("keydown", (event) => this.down(event), { signal, capture: true });
    window.addEventListener("keyup", (event) => this.up(event), { signal, capture: true });
    window.addEventListener("blur", () => this.lift(), { signal });
    window.addEventListener("gamepaddisconnected", () => this.lift(), { signal });
  }

  private down(event: KeyboardEvent): void {
    if (isStopKey(event)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!event.repeat) this.events.stop();
      return;
    }
    if (isTextField(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
    if (this.inDialog(event.target)) return;
    const handled = this.heldKey(event) || this.actionKey(event) || this.otherKey(event);
    if (handled) event.preventDefault();
  }

  private inDialog(target: EventTarget | null): boolean {
    return target instanceof Element && target.closest("dialog") !== null;
  }

  private onButton(target: EventTarget | null): boolean {
    return (
      target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement || target instanceof HTMLInputElement
    );
  }

  private heldKey(event: KeyboardEvent): boolean {
    const meaning = this.keymap.held[event.code];
    if (!meaning) return false;
    // While driving Space is the deadman wherever the focus is; otherwise it presses the button that has the focus.
    if (event.code === "Space" && this.onButton(event.target) && !this.events.driving()) return false;
    if (this.held.down(event.code, event.repeat)) {
      this.noticeLetGo();
      if (meaning !== "deadman" && meaning !== "fast" && meaning !== "slow") this.events.motion(meaning, this.factor());
      this.events.changed();
    }
    return true;
  }

  private actionKey(event: KeyboardEvent): boolean {
    const action = this.keymap.pressed[event.code];
    if (!action || event.repeat) return action !== undefined && action !== "lease" && !this.onButton(event.target);
    if (action === "lease" && (event.shiftKey || !this.hasFocus())) return false;
    if ((action === "start" || event.code === "Space") && this.onButton(event.target)) return false;
    this.events.act(action);
    return true;
  }

  private otherKey(event: KeyboardEvent): boolean {
    if (event.key === "?") {
      this.events.act("help");
      return true;
    }
    const arrow = ARROWS[event.code];
    if (arrow && this.hasFocus()) {
      const k = this.factor();
      this.events.arrow(arrow[0] * k, arrow[1] * k, arrow[2] * k);
      return true;
    }
    const digit = /^Digit([1-9])$/.exec(event.code);
    if (!digit || event.shiftKey) return false;
    this.events.camera(Number(digit[1]));
    return true;
  }

  /** The picture, or nothing in particular, has the focus: only then is Tab taken from the browser. */
  private hasFocus(): boolean {
    return document.activeElement === this.surface || document.activeElement === document.body;
  }

  private factor(): number {
    const has = (what: string): boolean => [...this.held.all].some((code) => this.keymap.held[code] === what);
    return (has("fast") ? 2 : 1) * (has("slow") ? 0.5 : 1);
  }

  private up(event: KeyboardEvent): void {
    const there = this.held.has(event.code);
    this.held.up(event.code);
    if (!there) return;
    // Otherwise the browser would click the focused button when Space comes up.
    if (event.code === "Space" && this.events.driving()) event.preventDefault();
    this.noticeLetGo();
    this.events.changed();
  }

  private noticeLetGo(): void {
    const held = this.deadman !== null;
    const letGo = this.wasHeld && !held;
    this.wasHeld = held;
    if (letGo) this.events.lifted();
  }

  /** All hands off: blur, lost pad, change of control. What is held has to be pressed anew. */
  lift(): void {
    this.forget();
    this.events.lifted();
  }

  forget(): void {
    this.held.forget();
    this.drag.drop();
    this.pad.forget();
    this.padNow = { ...PAD_REST };
  }

  /** Reads the pad; to be called at each turn of the sender, since browsers tell nothing of sticks. */
  poll(pads: readonly (Gamepad | null)[]): void {
    const found = pads.find((pad) => pad?.connected && pad.mapping === "standard") ?? null;
    if (this.padThere && !found) this.lift();
    this.padThere = found !== null;
    this.padNow = this.pad.read(found as PadReading | null, this.turn);
    if (this.padNow.stop && !this.stopHeld) this.events.stop();
    this.stopHeld = this.padNow.stop;
    this.noticeLetGo();
  }

  get grip(): number | null {
    return this.padNow.grip;
  }

  get hasPad(): boolean {
    return this.padThere;
  }

  /** By what the person says "drive" now, if at all. */
  get deadman(): "keys" | "pad" | "picture" | null {
    if (deadmanHeld(this.held.all, this.keymap)) return "keys";
    if (this.padNow.deadman) return "pad";
    return this.drag.held ? "picture" : null;
  }

  /** What is asked for now; nothing without a deadman. `dtS` since the last call uses up the drag. */
  wish(action: readonly Axis[], dtS: number): Wish {
    const fastest = action.find((axis) => axis.name === "vx")?.high ?? 0;
    const dragged: Vec = this.drag.take(dtS, fastest);
    if (!this.deadman) return NOTHING;
    const keys = keyWish(this.held.all, this.keymap, this.turn);
    return plus(plus(keys, this.padNow.wish), velocityWish(action, dragged));
  }
}
