// <policy-serving>: who answers for a policy now, how fast, for how many robots; read again while somebody looks.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { safe } from "../text";
import { type Serving, servingPanel } from "./serving_words";

const AGAIN_MS = 2000;

class PolicyServing extends HTMLElement {
  private leaving = new AbortController();
  private timer = 0;

  connectedCallback(): void {
    this.leaving = new AbortController();
    document.addEventListener("visibilitychange", () => this.look(), { signal: this.leaving.signal });
    this.look();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    window.clearTimeout(this.timer);
  }

  private look(): void {
    window.clearTimeout(this.timer);
    if (document.visibilityState === "visible") void this.load();
  }

  private async load(): Promise<void> {
    try {
      const found = await call<Serving>("GET", this.dataset.url ?? "", undefined, this.leaving.signal);
      this.innerHTML = servingPanel(found);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.innerHTML = `<section class="panel"><div class="ph"><h2>Serving</h2></div><div class="pb t2">${icon("warning")} ${safe(error.message)}</div></section>`;
    }
    if (!this.leaving.signal.aborted) this.timer = window.setTimeout(() => this.look(), AGAIN_MS);
  }
}

customElements.define("policy-serving", PolicyServing);
