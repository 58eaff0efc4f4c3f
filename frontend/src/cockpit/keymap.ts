// Which key means what, in two presets. A table: held keys move, pressed keys act; who listens is elsewhere.

export type Motion =
  | "forward"
  | "backward"
  | "left"
  | "right"
  | "up"
  | "down"
  | "yaw_left"
  | "yaw_right"
  | "pitch_up"
  | "pitch_down"
  | "roll_left"
  | "roll_right";
export type Held = Motion | "deadman" | "fast" | "slow";
export type Action =
  | "gripper"
  | "lease"
  | "success"
  | "failure"
  | "rerecord"
  | "start"
  | "save_last"
  | "reset_scene"
  | "help"
  | "pause";

export interface Keymap {
  name: "reins" | "lerobot";
  title: string;
  held: Readonly<Record<string, Held>>;
  pressed: Readonly<Record<string, Action>>;
}

const MOTION: Readonly<Record<string, Motion>> = {
  KeyW: "forward",
  KeyS: "backward",
  KeyA: "left",
  KeyD: "right",
  KeyR: "up",
  KeyF: "down",
  KeyQ: "yaw_left",
  KeyE: "yaw_right",
  KeyI: "pitch_up",
  KeyK: "pitch_down",
  KeyJ: "roll_left",
  KeyL: "roll_right",
};

export const REINS: Keymap = {
  name: "reins",
  title: "Reins keys",
  held: { ...MOTION, Space: "deadman", ShiftLeft: "fast", ShiftRight: "fast", KeyZ: "slow" },
  pressed: {
    KeyG: "gripper",
    Tab: "lease",
    KeyY: "success",
    KeyX: "failure",
    Backspace: "rerecord",
    Enter: "start",
    KeyB: "save_last",
    KeyO: "reset_scene",
  },
};

/** As in LeRobot's recording and correction scripts: Space pauses, Tab corrects, right arrow keeps, left arrow records again. */
export const LEROBOT: Keymap = {
  name: "lerobot",
  title: "LeRobot keys",
  held: { ...MOTION, ShiftLeft: "deadman", ShiftRight: "deadman", KeyC: "fast", KeyZ: "slow" },
  pressed: {
    KeyG: "gripper",
    Tab: "lease",
    Space: "pause",
    ArrowRight: "success",
    KeyX: "failure",
    ArrowLeft: "rerecord",
    Enter: "start",
    KeyB: "save_last",
    KeyO: "reset_scene",
  },
};

export const KEYMAPS: readonly Keymap[] = [REINS, LEROBOT];

const NAMES: Readonly<Record<string, string>> = {
  Space: "Space",
  ShiftLeft: "Shift",
  ShiftRight: "Shift",
  Backspace: "Backspace",
  Enter: "Enter",
  Tab: "Tab",
  ArrowLeft: "←",
  ArrowRight: "→",
};

/** What stands on the key. */
export function keyLabel(code: string): string {
  return NAMES[code] ?? code.replace(/^Key|^Digit/, "");
}

/** The label of the first key with this meaning. */
export function keyFor(map: Keymap, meaning: Held | Action): string {
  const found = [...Object.entries(map.held), ...Object.entries(map.pressed)].find(([, what]) => what === meaning);
  return found ? keyLabel(found[0]) : "";
}

/** True for the two keys of the remote stop; they act from any focus and are in no preset. */
export function isStopKey(event: Pick<KeyboardEvent, "key" | "code">): boolean {
  return event.key === "Escape" || event.code === "Backquote";
}
