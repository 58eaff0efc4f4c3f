// <new-task>: a sentence, what it is understood as while it is written, a policy, a robot, Start. Nothing moves before Start.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { bindKeys } from "../keys";
import { say } from "../live_region";
import { safe } from "../text";
import { NEW_TASK, policyList, robotList, verdictMarkup } from "./new_task_markup";
import type { Choices, PolicyChoice, RobotChoice, RunDetail, Verdict } from "./shapes";

const CHECK_MS = 120; // after the last letter
const AGAIN_MS = 2000;
const KEPT = "reins.task"; // what was chosen last in this browser

class NewTask extends HTMLElement {
  private leaving = new AbortController();
  private choices: Choices | null = null;
  private verdict: Verdict | null = null;
  private policy = "";
  private robot = "";
  private asked = 0;
  private checking = 0;
  private timer = 0;
  private sending = false;
  private problem = "";

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = NEW_TASK;
    const kept = JSON.parse(window.localStorage.getItem(KEPT) ?? "{}") as { policy?: string; robot?: string };
    const asked = new URLSearchParams(window.location.search);
    this.policy = asked.get("policy") ?? kept.policy ?? "";
    this.robot = asked.get("robot") ?? kept.robot ?? "";
    this.field.value = asked.get("sentence") ?? "";
    this.field.addEventListener("input", () => this.typed(), { signal });
    this.addEventListener("change", (event) => this.chosen(event), { signal });
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("submit", (event) => this.submitted(event), { signal });
    this.field.addEventListener("keydown", (event) => this.key(event), { signal });
    bindKeys({ "Ctrl+Enter": () => void this.start() }, signal);
    this.field.focus();
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.timer);
    window.clearTimeout(this.checking);
  }

  private get field(): HTMLTextAreaElement {
    return this.at("sentence") as HTMLTextAreaElement;
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== "Enter") return;
    event.preventDefault(); // one line
    if (event.ctrlKey || !event.shiftKey) void this.start();
  }

  private async load(): Promise<void> {
    window.clearTimeout(this.timer);
    try {
      const first = this.choices === null;
      this.choices = await call<Choices>("GET", "/api/tasks/choices", undefined, this.leaving.signal);
      this.settle();
      if (first && this.field.value) void this.check();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.problem = error.message;
    }
    this.draw();
    this.timer = window.setTimeout(() => void this.load(), AGAIN_MS);
  }

  /** Keeps what was chosen while it can be, else chooses the first that can. */
  private settle(): void {
    const { choices } = this;
    if (!choices) return;
    const policy = choices.policies.find((one) => one.id === this.policy && !one.why_not);
    this.policy = (policy ?? choices.policies.find((one) => !one.why_not))?.id ?? "";
    const can = choices.robots.filter((one) => !this.whyNot(one));
    const kept = choices.robots.find((one) => one.id === this.robot);
    if (!kept || (this.whyNot(kept) && can.length > 0)) this.robot = can[0]?.id ?? kept?.id ?? "";
  }

  private get chosenPolicy(): PolicyChoice | undefined {
    return this.choices?.policies.find((one) => one.id === this.policy);
  }

  private whyNot(robot: RobotChoice): string {
    const policy = this.chosenPolicy;
    if (policy && policy.organisation !== robot.organisation)
      return "It belongs to another organisation than the policy.";
    if (policy && !policy.kinds.includes(robot.kind)) return "The policy was not trained for this kind of robot.";
    return robot.why_not;
  }

  private typed(): void {
    this.problem = "";
    window.clearTimeout(this.checking);
    this.checking = window.setTimeout(() => void this.check(), CHECK_MS);
  }

  private async check(): Promise<void> {
    const mine = ++this.asked;
    const sentence = this.field.value;
    if (!this.policy || !sentence.trim()) {
      this.verdict = null;
      this.draw();
      return;
    }
    try {
      const found = await call<Verdict>("POST", "/api/tasks/check", { sentence, policy: this.policy });
      if (mine !== this.asked) return;
      this.verdict = found;
      say(found.refusal ? found.refusal.sentence : `Understood: ${found.skill}, ${found.target}.`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (mine !== this.asked) return;
      this.verdict = {
        skill: "",
        target: "",
        parts: [],
        refusal: { code: error.code, sentence: error.message, candidates: [] },
      };
    }
    this.draw();
  }

  private chosen(event: Event): void {
    const input = event.target;
    if (!(input instanceof HTMLInputElement)) return;
    if (input.name === "policy") this.policy = input.value;
    if (input.name === "robot") this.robot = input.value;
    window.localStorage.setItem(KEPT, JSON.stringify({ policy: this.policy, robot: this.robot }));
    this.settle();
    this.draw();
    if (input.name === "policy") void this.check();
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-put]") : null;
    if (!button) return;
    this.field.value = button.dataset.put ?? "";
    this.field.focus();
    void this.check();
  }

  private submitted(event: Event): void {
    event.preventDefault();
    void this.start();
  }

  /** What is missing before it can begin; "" when nothing is. */
  private get missing(): string {
    const { choices, verdict } = this;
    if (!choices) return "Waiting for the server.";
    if (choices.policies.length === 0) return "There is no policy yet. Train one, or bring one in.";
    if (!this.chosenPolicy) return "Choose a policy.";
    if (!this.field.value.trim()) return "Say what should happen.";
    if (!verdict) return "The sentence is being checked.";
    if (verdict.refusal) return "The sentence is refused.";
    const robot = choices.robots.find((one) => one.id === this.robot);
    if (!robot) return "Choose a robot.";
    return this.whyNot(robot);
  }

  private async start(): Promise<void> {
    if (this.sending) return;
    window.clearTimeout(this.checking);
    await this.check();
    if (this.missing) {
      say(this.missing);
      return;
    }
    this.sending = true;
    this.problem = "";
    this.draw();
    try {
      const wanted = { sentence: this.field.value, robot: this.robot, policy: this.policy };
      const run = await call<RunDetail>("POST", "/api/tasks", wanted);
      window.location.assign(run.url);
    } catch (error) {
      this.sending = false;
      if (!(error instanceof Refused)) throw error;
      this.problem = error.message;
      say(error.message);
      this.draw();
    }
  }

  private draw(): void {
    const { choices } = this;
    this.at("verdict").innerHTML = verdictMarkup(this.field.value, this.verdict, this.chosenPolicy);
    if (choices) {
      put(this.at("policies"), policyList(choices.policies, this.policy));
      put(
        this.at("robots"),
        robotList(choices.robots, this.robot, (robot) => this.whyNot(robot)),
      );
    }
    const robot = choices?.robots.find((one) => one.id === this.robot);
    this.at("sees").innerHTML = robot ? this.sees(robot) : "";
    const { missing } = this;
    const button = this.at("start") as HTMLButtonElement;
    button.disabled = this.sending || missing !== "";
    button.classList.toggle("wait", this.sending);
    const what = missing || `${robot?.name ?? "The robot"} starts at once`;
    this.at("what").textContent = this.sending ? "Sending" : what;
    this.at("problem").textContent = this.problem;
  }

  private sees(robot: RobotChoice): string {
    const address = `${robot.snapshot}?n=${Math.floor(Date.now() / AGAIN_MS)}`;
    const picture = robot.why_not.startsWith("It is not connected")
      ? `<p class="muted">${icon("camera")} No picture: it is not connected.</p>`
      : `<img src="${safe(address)}" alt="What ${safe(robot.name)} sees" class="tk-sees">`;
    return `<div class="ph"><h2>Sees now</h2><span class="muted s11">${safe(robot.name)}</span></div>${picture}`;
  }
}

/** Only what differs is written, so that a choice under the pointer or the focus stays. */
function put(part: HTMLElement, html: string): void {
  if (part.dataset.html === html) return;
  const focus = document.activeElement instanceof HTMLInputElement ? document.activeElement : null;
  const [name, value] = part.contains(focus) ? [focus?.name, focus?.value] : ["", ""];
  part.dataset.html = html;
  part.innerHTML = html;
  if (name) part.querySelector<HTMLInputElement>(`input[name="${name}"][value="${value}"]`)?.focus();
}

customElements.define("new-task", NewTask);
