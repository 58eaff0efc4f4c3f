// The mode chip: one function of mode, lease kind and reason, the same on every page. Words and looks only; it decides nothing.
import type { RobotState } from "./generated/protocol";
import { type IconName, icon } from "./icons";
import { safe } from "./text";

export type Look = "auto" | "paused" | "asked" | "align" | "human" | "hold" | "stop" | "idle" | "charge" | "off";

export interface Chip {
  look: Look;
  word: string;
  /** Reason or name beside the word; "" for none. */
  small: string;
  icon: IconName;
}

export interface Situation {
  online: boolean;
  state: RobotState | null;
  /** Id of the person who looks, so that their own lease reads "you". */
  me?: string;
}

const ICONS: Record<Look, IconName> = {
  auto: "policy",
  paused: "pause",
  asked: "clock",
  align: "back",
  human: "hand",
  hold: "lock",
  stop: "stop",
  idle: "clock",
  charge: "battery",
  off: "cross",
};

/** A hold for one of these needs nobody: the robot simply waits. */
const AT_REST = new Set([
  "",
  "boot",
  "released",
  "page_left",
  "cleared",
  "remote_motion_on",
  "key_settled",
  "body_found",
]);

/** The lease is kept, yet nothing moves until this is over. */
const WAITING = new Set(["video_stale", "starvation"]);

const REASONS: Record<string, string> = {
  starvation: "no actions",
  lease_lost: "lease lost",
  video_stale: "old picture",
  deadman: "page silent",
  hidden: "page hidden",
  server_lost: "server lost",
  revoked: "right withdrawn",
  remote_motion_off: "switched off at the robot",
  key_held: "key used twice",
  body_lost: "body lost",
};

/** A reason code in words: known codes have their own, others lose their underscores. */
export function reasonWords(reason: string): string {
  const code = reason.toLowerCase();
  return REASONS[code] ?? code.replaceAll("_", " ");
}

/** What the chip says. */
export function chipOf({ online, state, me = "" }: Situation): Chip {
  if (!online) return chip("off", "OFFLINE");
  if (!state) return { ...chip("off", "UNKNOWN"), icon: "question" };
  const reason = state.reason.toLowerCase();
  switch (state.mode) {
    case "ESTOP":
      return chip("stop", "REMOTE STOP", "latched");
    case "TELEOP":
      return WAITING.has(reason) ? chip("hold", "HOLD", reasonWords(reason)) : human(state, me);
    case "AUTONOMY":
      if (reason === "paused") return chip("paused", "PAUSED");
      return WAITING.has(reason) ? chip("hold", "HOLD", reasonWords(reason)) : chip("auto", "AUTONOMOUS");
    case "SAFE_HOLD":
      return standing(state, reason);
  }
}

function human(state: RobotState, me: string): Chip {
  const lease = state.lease;
  return chip("human", "HUMAN", !lease ? "" : me !== "" && lease.person === me ? "you" : lease.name);
}

function standing(state: RobotState, reason: string): Chip {
  if (state.remote_motion === false) return chip("hold", "HOLD", reasonWords("remote_motion_off"));
  if (reason === "requested") return chip("asked", "REQUESTED", state.actor ?? "");
  if (reason === "aligning") return chip("align", "ALIGNING");
  if (reason === "charging") return chip("charge", "CHARGING");
  return AT_REST.has(reason) ? chip("idle", "IDLE") : chip("hold", "HOLD", reasonWords(reason));
}

function chip(look: Look, word: string, small = ""): Chip {
  return { look, word, small, icon: ICONS[look] };
}

/** Markup of a chip; `extra` adds classes such as "lg". */
export function chipHtml(chip: Chip, extra = ""): string {
  const small = chip.small ? ` <small>${safe(chip.small)}</small>` : "";
  return `<span class="mode ${extra}" data-m="${chip.look}">${icon(chip.icon)}${chip.word}${small}</span>`;
}
