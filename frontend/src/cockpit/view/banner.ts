// States that last: a latched stop (red), an unanswered stop, a lost server, a lost robot (amber). One at a time, the gravest first.
import { icon } from "../../icons";
import { safe, span } from "../../text";
import { latched, type Model, robotName } from "../model";
import { type Refs, setClass, setHtml, show } from "./dom";

interface Banner {
  look: "halt" | "warn";
  html: string;
}

/** A time of performance.now() on the person's own clock. */
function timeOf(ms: number): string {
  return new Date(performance.timeOrigin + ms).toLocaleTimeString([], { hour12: false });
}

function stopped(m: Model): Banner | null {
  const sources = latched(m);
  if (sources.length === 0 && m.state?.mode !== "ESTOP") return null;
  const name = safe(robotName(m));
  const took =
    m.stop.at === "answered"
      ? ` ${name} answered after ${Math.round(m.stop.tookMs)} ms and stands still.`
      : ` ${name} says it stands still.`;
  const at = m.stop.at === "answered" ? ` at ${timeOf(m.stop.atMs)}` : "";
  const mine = sources.includes(m.hello?.person ?? "-") ? `Remote stop by you${at}.` : "Remote stop is latched.";
  const rest = `${took} It stays stopped, whoever asks, until every stop is cleared.`;
  return {
    look: "halt",
    html: `${icon("stop")}<span><b>${mine}</b>${rest}</span><span class="sp"></span><span class="nw">Clear it on the right, after a look.</span>`,
  };
}

function unanswered(m: Model): Banner | null {
  if (m.stop.at !== "asked" || !m.stopUnknown) return null;
  const name = safe(robotName(m));
  const reach = m.stopServer === "unreachable" ? " The server does not reach it either." : "";
  return {
    look: "warn",
    html: `${icon("question")}<span><b>Stop not confirmed: UNKNOWN.</b> ${name} has not answered.${reach} It is asked 50 times a second until it does. Near the robot? Use its wired stop.</span>`,
  };
}

function serverLost(m: Model): Banner | null {
  const again = '<span class="sp"></span><button class="btn" type="button" data-act="try-now">Try now</button>';
  if (m.socket === "refused")
    return {
      look: "warn",
      html: `${icon("warning")}<span><b>The server refused this page.</b> Sign in again, or ask for the right to see this robot.</span>`,
    };
  if (m.socket !== "waiting" && !(m.socket === "connecting" && m.hello)) return null;
  const rest =
    m.authority.lease.at === "mine"
      ? "The robot goes on hearing you for 5 s; then it holds and the lease is gone. The remote stop works directly."
      : "The picture may go on. Taking control has to wait.";
  return { look: "warn", html: `${icon("warning")}<span><b>Server lost.</b> ${rest}</span>${again}` };
}

function robotLost(m: Model): Banner | null {
  const { lease } = m.authority;
  if (m.forged)
    return { look: "warn", html: `${icon("key")}<span><b>Connection refused.</b> ${safe(m.forged)}</span>` };
  if (m.hello && !m.online && m.peer !== "live") {
    const seen = m.lastSeenS === null ? "" : `, last seen ${span(m.lastSeenS)} ago`;
    return {
      look: "warn",
      html: `${icon("cross")}<span><b>${safe(robotName(m))} is offline${seen}.</b> This page connects by itself when it is back.</span>`,
    };
  }
  if (m.refusal && m.peer !== "live")
    return { look: "warn", html: `${icon("warning")}<span><b>Not connected.</b> ${safe(m.refusal)}</span>` };
  if (m.peer === "lost")
    return {
      look: "warn",
      html: `${icon("warning")}<span><b>Connection to the robot lost.</b> Its state is UNKNOWN; it holds by itself within 300 ms. Connecting again.</span>`,
    };
  if (lease.at !== "lost") return null;
  return {
    look: "warn",
    html: `${icon("warning")}<span><b>Control lost.</b> ${safe(lease.sentence)} Press Take control when you are ready.</span><span class="sp"></span><button class="btn" type="button" data-act="dismiss">Dismiss</button>`,
  };
}

export function renderBanner(refs: Refs, m: Model): void {
  const now = unanswered(m) ?? stopped(m) ?? serverLost(m) ?? robotLost(m);
  const part = refs.get("banner");
  show(part, now !== null);
  if (!now) return;
  setClass(part, `banner ${now.look}`);
  setHtml(part, now.html);
}
