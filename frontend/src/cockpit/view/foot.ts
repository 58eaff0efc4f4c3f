// The keys at the foot and the overlay with all of them, with the two choices: preset, and what the keys follow.
import { safe } from "../../text";
import { type Action, type Held, KEYMAPS, type Keymap, keyFor, keyLabel } from "../keymap";
import type { Model } from "../model";
import { type Refs, setHtml } from "./dom";

const kbd = (label: string): string => `<kbd>${safe(label)}</kbd>`;

function keys(map: Keymap, ...meanings: (Held | Action)[]): string {
  return meanings.map((meaning) => kbd(keyFor(map, meaning))).join(" ");
}

export function renderFoot(refs: Refs, m: Model): void {
  const map = m.keymap;
  const mine = m.authority.lease.at === "mine";
  const parts = [
    `${keys(map, "deadman")} hold to drive`,
    `${keys(map, "forward", "left", "backward", "right")} move`,
    `${keys(map, "yaw_left", "yaw_right")} turn`,
    `${keys(map, "up", "down")} up, down`,
    `${keys(map, "fast", "slow")} 2×, ½×`,
    `${keys(map, "gripper")} gripper`,
    `${keys(map, "lease")} ${mine ? "hand back" : "take"}`,
    `${kbd("1")}–${kbd("9")} camera`,
  ];
  const left = parts.map((part) => `<span>${part}</span>`).join("");
  const right = `<span class="sp wide">Near the robot? Use its wired stop.</span><button class="btn quiet ck-freeze" type="button" data-act="help">${kbd("?")} all keys</button>`;
  setHtml(refs.get("foot"), left + right);
}

type Row = readonly [string, string];

function rows(map: Keymap): readonly Row[] {
  const k = (...meanings: (Held | Action)[]): string => keys(map, ...meanings);
  const last: readonly Row[] = map.name === "lerobot" ? [[k("pause"), "hand back: the arm holds"]] : [];
  return [
    [k("deadman"), "hold to drive; let go and the arm holds"],
    [k("lease"), "take control, hand back (focus on the picture)"],
    [k("forward", "backward"), "away from, towards you"],
    [k("left", "right"), "left, right"],
    [k("up", "down"), "up, down"],
    [k("yaw_left", "yaw_right"), "turn left, right"],
    [k("pitch_up", "pitch_down"), "pitch up, down"],
    [k("roll_left", "roll_right"), "roll left, right"],
    [k("fast", "slow"), "while held: twice, half the speed"],
    [k("gripper"), "open or close the gripper"],
    [k("start"), "start recording, or the countdown of a campaign"],
    [k("success"), "end as success"],
    [k("failure"), "end as failure"],
    [k("rerecord"), "discard and record again; stop the countdown"],
    [k("save_last"), "save the last 30 s"],
    [k("reset_scene"), "put the objects back, between takes"],
    [`${kbd("1")} – ${kbd("9")}`, "main camera"],
    [`${kbd(keyLabel("←"))} ${kbd("→")} ${kbd("↑")} ${kbd("↓")}`, "one step in the picture, in step mode"],
    [`${kbd("Esc")} ${kbd("`")}`, "remote stop, from any focus"],
    [kbd("Enter"), "presses the focused button, also while driving"],
    ["Gamepad", "LB drives, sticks move and turn, RT grips, B stops"],
    ["Pointer", "drag the picture to move the tool, wheel for depth"],
    ...last,
  ];
}

function choice(act: string, name: string, value: string, chosen: boolean, label: string): string {
  return `<button type="button" data-act="${act}" data-${name}="${value}" aria-pressed="${chosen}">${label}</button>`;
}

export function renderHelp(refs: Refs, m: Model): void {
  const list = rows(m.keymap).map(
    ([key, words]) => `<div><span>${key}</span><span class="t2">${safe(words)}</span></div>`,
  );
  const presets = KEYMAPS.map((map) =>
    choice("keymap", "keymap", map.name, map.name === m.keymap.name, map.title),
  ).join("");
  const follow =
    choice("follow", "follow", "picture", m.keysFollow === "picture", "As seen in the picture") +
    choice("follow", "follow", "robot", m.keysFollow === "robot", "Along the robot's axes");
  setHtml(
    refs.get("help"),
    `<div class="inner"><div class="row"><h2>Keys</h2><span class="sp"></span><button class="btn" type="button" data-act="close-help">Close</button></div><div class="ck-opts"><span class="seg" role="group" aria-label="Preset">${presets}</span><span class="seg" role="group" aria-label="Keys move">${follow}</span></div><div class="ck-keys">${list.join("")}</div><p class="s11 muted">The remote stop asks the robot's program to stop. It does not replace the hard-wired emergency stop at the robot.</p></div>`,
  );
}
