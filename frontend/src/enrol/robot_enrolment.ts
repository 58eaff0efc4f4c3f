// <robot-enrolment>: makes a one-time code, shows what to type beside the robot, and waits until the robot is there.
import { fleetFeed } from "../fleet_feed";
import { call, Refused } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import { clock, safe } from "../text";
import { toast } from "../toast";
import { type Code, commandLines, secondsLeft } from "./command";

interface CodeState {
  used: boolean;
  robot: string | null;
}

const ASK_MS = 2000;

class RobotEnrolment extends HTMLElement {
  private leaving = new AbortController();
  private code: Code | null = null;
  private robot = "";
  private asked = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.make();
      },
      { signal },
    );
    this.addEventListener("click", (event) => void this.copy(event), { signal });
    fleetFeed().on("rows", () => this.arrived(), signal);
    const tick = window.setInterval(() => this.tick(), 1000);
    signal.addEventListener("abort", () => window.clearInterval(tick));
  }

  disconnectedCallback(): void {
    this.leaving.abort();
  }

  private get form(): HTMLFormElement {
    return this.querySelector("form") as HTMLFormElement;
  }

  private async make(): Promise<void> {
    const data = new FormData(this.form);
    const wanted = { name: String(data.get("name")).trim(), site: Number(data.get("site")) };
    try {
      this.code = await call<Code>("POST", "/api/enrolment-codes", wanted);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "No code was made." });
      return;
    }
    this.robot = "";
    this.draw(commandLines(this.dataset.server ?? window.location.origin, this.code, String(data.get("body"))));
    say(`A code for ${this.code.name} is made.`);
  }

  private draw(lines: readonly string[]): void {
    const rows = lines.map(
      (line, i) =>
        `<div class="shell"><code class="mono" id="line-${i}">${safe(line)}</code><button type="button" class="btn" data-copy="line-${i}">${icon("copy")}Copy</button></div>`,
    );
    this.at("steps").innerHTML = `<section class="panel narrow"><h2>Beside the robot, in the folder of Reins</h2>
    <p class="t2">The first line makes a key that never leaves the robot. The second starts it; it dials out, no port is opened.</p>${rows.join("")}<div data-part="wait" role="status"></div></section>`;
    this.tick();
  }

  private tick(): void {
    const { code } = this;
    if (!code || this.dataset.state === "online") return;
    if (this.robot !== "") {
      this.arrived();
      return;
    }
    const left = secondsLeft(code, Date.now());
    if (left <= 0) {
      this.stand("expired", `${icon("clock", "warn")}<span>The code is over. Make another one.</span>`);
      return;
    }
    this.stand(
      "waiting",
      `${icon("clock")}<span>Waits for ${safe(code.name)}. The code works for ${clock(left)} more.</span>`,
    );
    if (performance.now() - this.asked > ASK_MS) void this.ask(code);
  }

  private async ask(code: Code): Promise<void> {
    this.asked = performance.now();
    try {
      const answer = await call<CodeState>("GET", `/api/enrolment-codes/${code.id}`, undefined, this.leaving.signal);
      if (this.code === code && answer.used && answer.robot) {
        this.robot = answer.robot;
        this.arrived();
      }
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.stand("unknown", `${icon("link", "warn")}<span>${safe(error.message)} This page goes on asking.</span>`);
    }
  }

  /** Enrolled, then online: two facts, said one after the other. */
  private arrived(): void {
    if (this.robot === "" || !this.code) return;
    const name = safe(this.code.name);
    if (!fleetFeed().rows.get(this.robot)?.online) {
      this.stand("enrolled", `${icon("check", "ok")}<span>${name} is enrolled. Start it with the second line.</span>`);
      return;
    }
    const link = `<a class="btn pri sp" href="/teleop/${encodeURIComponent(this.robot)}/">Open ${name}</a>`;
    this.stand("online", `${icon("check", "ok")}<span><b>${name} is here.</b></span>${link}`);
  }

  private stand(state: string, html: string): void {
    this.dataset.state = state;
    const place = this.at("wait");
    const row = `<div class="row">${html}</div>`;
    if (place.dataset.now === row) return;
    place.dataset.now = row;
    place.innerHTML = row;
  }

  private async copy(event: Event): Promise<void> {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-copy]") : null;
    const line = button && document.getElementById(button.dataset.copy ?? "");
    if (!line) return;
    if (!navigator.clipboard) {
      window.getSelection()?.selectAllChildren(line);
      toast("The line is selected. Copy it with the keyboard.", { kind: "warn" });
      return;
    }
    await navigator.clipboard.writeText(line.textContent ?? "");
    toast("Copied.");
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

customElements.define("robot-enrolment", RobotEnrolment);
