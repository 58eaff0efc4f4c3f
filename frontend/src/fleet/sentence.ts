// What a robot is doing, who holds it and whether it needs somebody, in words. Pure: from one row of the live list.
import type { RobotRow, RobotState } from "../generated/protocol";
import { type Chip, chipOf, type Look } from "../mode";
import { reasonOf } from "../tasks/words";
import { clock, count, span } from "../text";
import type { Asks } from "../waiting";

export interface Doing {
  chip: Chip;
  title: string;
  /** Second line: why, since when, what to do next. */
  detail: string;
  held: string;
  needs: boolean;
  /** What opening the robot would be for; its link always opens the cockpit. */
  action: "Look" | "Drive" | "Watch";
  /** The request for help that waits, "" for none. */
  help: string;
}

/** `waited_s` = seconds since this row arrived, so that ages go on between messages. */
export function doing(row: RobotRow, me: string, waited_s = 0, asks?: Asks): Doing {
  if (asks && row.online) return asking(row, me, asks);
  const chip = chipOf({ online: row.online, state: row.state, me });
  const needs = chip.look === "hold" || (row.online && (row.alerts?.length ?? 0) > 0);
  const rest = { chip, needs, ...holder(row, me), action: action(row, chip.look), help: "" };
  if (!row.online) return { ...rest, title: "Not connected", detail: lastSeen(row.last_seen_s, waited_s) };
  if (!row.state) return { ...rest, title: "Connected, no word yet", detail: "Its state is unknown until it reports." };
  const since = (row.state.since_s ?? 0) + waited_s;
  return { ...rest, title: title(row.state, chip, me), detail: row.alerts?.[0] ?? detail(row.state, chip, since) };
}

/** A run that holds and waits for a person. */
function asking(row: RobotRow, me: string, asks: Asks): Doing {
  const usual = doing(row, me);
  const looked = asks.taken_by
    ? `${asks.taken_by} looks after it.`
    : `Waits for somebody, ${span(asks.waiting_s)} so far.`;
  if (usual.chip.look === "stop" || usual.chip.look === "human") return { ...usual, help: asks.request };
  const chip: Chip = { look: "hold", word: "HOLD", small: reasonOf(asks.reason), icon: "lock" };
  return {
    ...usual,
    chip,
    needs: true,
    title: `Asks for help: ${reasonOf(asks.reason)}`,
    detail: looked,
    action: "Look",
    help: asks.request,
  };
}

function holder(row: RobotRow, me: string): { held: string } {
  if (!row.online || !row.state) return { held: "unknown" };
  const lease = row.state.lease;
  if (!lease) return { held: "nobody" };
  if (lease.kind === "policy") return { held: lease.name || "policy" };
  return { held: lease.person === me ? "you" : lease.name };
}

function action(row: RobotRow, look: Look): Doing["action"] {
  if (look === "hold" || look === "stop") return "Look";
  const free = row.online && !row.state?.lease && row.state?.remote_motion !== false;
  return free && row.may_drive ? "Drive" : "Watch";
}

function lastSeen(seen_s: number | null, waited_s: number): string {
  if (seen_s === null) return "Never seen. Start its program to connect it.";
  return `Last seen ${span(seen_s + waited_s)} ago. Check its power and network.`;
}

function title(state: RobotState, chip: Chip, me: string): string {
  const lease = state.lease;
  switch (chip.look) {
    case "stop":
      return "Stopped by remote stop";
    case "human":
      return lease && lease.person === me ? "You drive" : `${lease?.name ?? "Somebody"} drives`;
    case "auto":
      return "Policy drives";
    case "hold":
      return state.remote_motion === false ? "Switched off at the robot" : `Holds: ${chip.small}`;
    case "charge":
      return "Charging";
    default:
      return "Ready";
  }
}

function detail(state: RobotState, chip: Chip, since_s: number): string {
  const recording = state.recording?.state === "recording" ? `Recording ${clock(state.recording.seconds ?? 0)}. ` : "";
  const note = state.health?.notes?.[0];
  switch (chip.look) {
    case "stop":
      return `Latched ${span(since_s)} ago, ${count(state.stops?.length ?? 0, "source")}. Look at the robot, then clear each.`;
    case "human":
      return `${recording}${linkWords(state)}`;
    case "hold":
      return state.remote_motion === false
        ? "Only a person at the robot can switch remote motion on."
        : `${recording}Stands still for ${span(since_s)}. Look, then take control again.`;
    default:
      return note ?? `${recording}${pending(state)}`;
  }
}

function linkWords(state: RobotState): string {
  const words = { direct: "Direct control", scaled: "Slowed", step: "Steps only", supervise: "Watching only" };
  const latency = state.control_latency_ms;
  const mode = words[state.permitted ?? "supervise"];
  return latency == null ? `${mode}.` : `${mode}, ${Math.round(latency)} ms, limit 100 ms.`;
}

function pending(state: RobotState): string {
  const left = state.recording?.pending ?? 0;
  return left > 0 ? `${count(left, "episode")} to upload.` : "Nobody drives. Waits for an operator.";
}

/** Everything the search box looks at, lower case. */
export function searchable(row: RobotRow, what: Doing): string {
  return [row.name, row.kind, row.site, what.title, what.detail, what.held, what.chip.word, what.chip.small]
    .join(" ")
    .toLowerCase();
}
