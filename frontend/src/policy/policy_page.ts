// <policy-page>: one policy version. Its stage, figures with intervals, what it knows, lineage, doubt, files, history.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import { safe } from "../text";
import { toast } from "../toast";
import "./serving";
import { doubt, files, head, history, knows, lineage, made, measured, stages, warnings } from "./markup";
import type { PolicyDetail } from "./shapes";

class PolicyPage extends HTMLElement {
  private leaving = new AbortController();
  private now: PolicyDetail | null = null;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.innerHTML = `<div class="banner quiet">${icon("clock")}<span>Asking the server for the policy.</span></div>`;
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    this.addEventListener("submit", (event) => this.submitted(event), { signal });
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
  }

  private get url(): string {
    return this.dataset.url ?? "";
  }

  private async load(): Promise<void> {
    try {
      this.now = await call<PolicyDetail>("GET", this.url, undefined, this.leaving.signal);
      this.draw();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.innerHTML = `<div class="empty">${icon("warning")}<b>The policy could not be loaded</b><p>${safe(error.message)}</p><button type="button" class="btn pri" data-do="retry">Try again</button></div>`;
      say(error.message);
    }
  }

  private draw(): void {
    const p = this.now as PolicyDetail;
    this.innerHTML = `${head(p)}<div data-part="form"></div>${warnings(p)}${stages(p)}<div class="pol2"><div class="col">${measured(p)}${knows(p)}<policy-serving data-url="${safe(this.url)}/serving"></policy-serving></div><div class="col">${lineage(p)}${doubt(p)}${made(p)}${files(p)}${history(p)}</div></div>`;
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-do]") : null;
    if (button?.dataset.do === "retry") void this.load();
    if (button?.dataset.do === "stage") void this.change({ stage: button.dataset.stage });
    if (button?.dataset.do === "withdraw")
      this.ask("withdraw", "Why may nobody run it any more?", "", "Withdraw for good");
    if (button?.dataset.do === "skills")
      this.ask(
        "skills",
        "Skills that people may ask of it, with commas between",
        this.now?.skills.join(", ") ?? "",
        "Keep",
      );
    if (button?.dataset.do === "not") this.draw();
  }

  private ask(what: string, words: string, value: string, act: string): void {
    const place = this.querySelector('[data-part="form"]') as HTMLElement;
    const look = what === "withdraw" ? "danger" : "pri";
    place.innerHTML = `<form class="panel pb row note" data-form="${what}"><label class="field grow"><span class="sr">${words}</span><input name="text" maxlength="500" required placeholder="${words}" value="${safe(value)}" autocomplete="off"></label><button class="btn ${look}">${act}</button><button type="button" class="btn" data-do="not">Not now</button></form>`;
    place.querySelector("input")?.focus();
  }

  private submitted(event: Event): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const text = form.querySelector<HTMLInputElement>("input[name=text]")?.value.trim() ?? "";
    if (form.dataset.form === "withdraw") void this.change({ reason: text }, "/withdraw");
    const skills = [
      ...new Set(
        text
          .split(",")
          .map((one) => one.trim())
          .filter(Boolean),
      ),
    ]; // prettier-ignore
    if (form.dataset.form === "skills") void this.change({ skills });
  }

  private async change(body: Record<string, unknown>, path = ""): Promise<void> {
    try {
      const given = { version: this.now?.version, ...body };
      this.now = await call<PolicyDetail>(path ? "POST" : "PATCH", `${this.url}${path}`, given);
      this.draw();
      say(`${this.now.shown} is ${this.now.withdrawn_reason ? "withdrawn" : this.now.stage}.`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "Not changed." });
      if (error.code === "stale_version") await this.load();
    }
  }
}

customElements.define("policy-page", PolicyPage);
