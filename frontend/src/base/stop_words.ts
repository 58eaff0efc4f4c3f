// What the remote stop may claim, from the server's report and the robots' own state. Pure; "stopped" only after a robot's answer.
import type { LiveStopReport, RobotRow, StopOne } from "../generated/protocol";
import { count, span } from "../text";

export interface StopFace {
  /** rest, sent (asked, not all answered), latched (every asked robot answered), short (some were not reached). */
  phase: "rest" | "sent" | "latched" | "short";
  label: string;
  scope: string;
}

/** Face of the button: the running report first, else what the robots say of themselves. */
export function stopFace(
  report: LiveStopReport | null,
  rows: readonly RobotRow[],
  waitingForServer: boolean,
): StopFace {
  if (report && report.robots.length > 0) return reported(report.robots);
  if (waitingForServer) return { phase: "sent", label: "Stopping", scope: "waiting for the server" };
  const latched = rows.filter((row) => row.online && row.state?.mode === "ESTOP").length;
  const all = count(rows.length, "robot");
  if (latched > 0 && latched === rows.length) return { phase: "latched", label: "Stopped", scope: all };
  return { phase: "rest", label: "Remote stop", scope: all };
}

function reported(robots: readonly StopOne[]): StopFace {
  const answered = robots.filter((one) => one.state === "acknowledged").length;
  const asked = robots.filter((one) => one.state === "asked").length;
  const scope = `${answered} of ${robots.length}`;
  if (asked > 0) return { phase: "sent", label: "Stopping", scope: `${scope} answered` };
  if (answered === 0) return { phase: "short", label: "Not reached", scope };
  return { phase: answered === robots.length ? "latched" : "short", label: "Stopped", scope };
}

/** True when a robot that had acknowledged the stop now says that it is no longer latched. */
export function cleared(report: LiveStopReport | null, rows: ReadonlyMap<string, RobotRow>): boolean {
  return (report?.robots ?? []).some((one) => {
    const row = rows.get(one.robot);
    return one.state === "acknowledged" && row?.online === true && row.state !== null && row.state.mode !== "ESTOP";
  });
}

/** One line per robot, in plain words. */
export function stopLine(one: StopOne): { look: "ok" | "warn" | "muted"; text: string } {
  switch (one.state) {
    case "acknowledged":
      return { look: "ok", text: `${one.name} stopped.` };
    case "asked":
      return { look: "muted", text: `${one.name} is asked and has not answered yet.` };
    case "unreachable": {
      const seen = one.last_seen_s == null ? "Never seen." : `Last seen ${span(one.last_seen_s)} ago.`;
      return { look: "warn", text: `${one.name} did not answer. ${seen} Go there and use its wired stop.` };
    }
  }
}
