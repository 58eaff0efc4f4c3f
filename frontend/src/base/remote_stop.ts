// <remote-stop>: the white button of the top bar, its key, and the truthful report under it. Stops every robot the person may see.
import { type FleetFeed, fleetFeed } from "../fleet_feed";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { alarm } from "../live_region";
import { safe } from "../text";
import { toast } from "../toast";
import { cleared, type StopFace, stopFace, stopLine } from "./stop_words";

const HINT =
  "Asks every robot named to stop and waits for its answer. It does not replace the hard-wired emergency stop at the robot.";

const SETTLED_MS = 3000;

class RemoteStop extends HTMLElement {
  private leaving = new AbortController();
  private feed: FleetFeed | null = null;
  private sentAt = 0;
  private answeredAt = 0;
  private drawn = "";

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<button type="button" class="stop" title="${HINT}" aria-keyshortcuts="\`"></button><div class="stop-report" hidden></div>`;
    this.feed = fleetFeed();
    this.button.addEventListener("click", () => this.stop(), { signal });
    this.sheet.addEventListener("click", (event) => this.dismiss(event), { signal });
    bindKeys({ Backquote: () => this.stop() }, signal);
    this.feed.on("rows", () => this.looked(), signal);
    this.feed.on("stop", () => this.answered(), signal);
    this.draw();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
  }

  private get button(): HTMLButtonElement {
    return this.querySelector<HTMLButtonElement>(".stop") as HTMLButtonElement;
  }

  private get sheet(): HTMLElement {
    return this.querySelector<HTMLElement>(".stop-report") as HTMLElement;
  }

  private stop(): void {
    if (!this.feed?.stop([])) {
      const text = "The server is not reached, so no robot was asked. Use the wired stop at the robot.";
      toast(text, { kind: "err", strong: "Not stopped." });
      alarm(`Not stopped. ${text}`);
      return;
    }
    this.sentAt = performance.now();
    alarm("Remote stop asked. Waiting for the robots' answers.");
    this.draw();
    window.setTimeout(() => this.unanswered(this.sentAt), 3000);
  }

  /** The server itself said nothing: say so and allow another press. */
  private unanswered(sentAt: number): void {
    if (this.sentAt !== sentAt || !this.isConnected) return;
    this.sentAt = 0;
    toast("The server did not answer. Whether the robots stopped is UNKNOWN. Use the wired stop.", { kind: "err" });
    this.draw();
  }

  private answered(): void {
    this.sentAt = 0;
    this.answeredAt = performance.now();
    this.draw();
  }

  /** A report is over once the robots' own states, well after it, say that somebody cleared the stop. */
  private looked(): void {
    const { feed } = this;
    const old = performance.now() - this.answeredAt > SETTLED_MS;
    if (old && feed && cleared(feed.report, feed.rows)) feed.forgetReport();
    else this.draw();
  }

  private dismiss(event: Event): void {
    if (event.target instanceof Element && event.target.closest("[data-close]")) this.feed?.forgetReport();
  }

  private draw(): void {
    const { feed } = this;
    if (!feed) return;
    const face = stopFace(feed.report, [...feed.rows.values()], this.sentAt > 0);
    const html = `${icon(face.phase === "sent" ? "clock" : "stop")}${face.label}<span class="scope">${face.scope}</span><kbd>\`</kbd>`;
    if (this.drawn !== html) {
      this.drawn = html;
      this.button.innerHTML = html;
      this.button.classList.toggle(
        "latched",
        face.phase === "latched" || (face.phase === "short" && face.label === "Stopped"),
      );
      this.dataset.phase = face.phase;
    }
    this.drawReport(face);
  }

  private drawReport(face: StopFace): void {
    const robots = this.feed?.report?.robots ?? [];
    this.sheet.hidden = robots.length === 0;
    if (robots.length === 0) return;
    const looks = { ok: "check", warn: "warning", muted: "clock" } as const;
    const lines = robots
      .map(stopLine)
      .map((l) => `<li>${icon(looks[l.look], l.look)}<span>${safe(l.text)}</span></li>`);
    const close = `<button type="button" class="btn quiet ico sp" data-close aria-label="Close the report">${icon("cross")}</button>`;
    this.sheet.innerHTML = `<div class="ph"><h2>${face.label}, ${face.scope}</h2>${close}</div><ul>${lines.join("")}</ul>`;
    if (face.phase !== "sent") alarm(`${face.label} ${face.scope}.`);
  }
}

customElements.define("remote-stop", RemoteStop);
