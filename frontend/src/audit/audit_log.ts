// <audit-log>: who did what, newest first, filtered by person, act and subject, page by page; and the whole as CSV.
import { when } from "../episodes/words";
import { call, Refused } from "../http";
import { icon } from "../icons";
import { safe } from "../text";

interface Entry {
  number: number;
  at: string;
  actor: string;
  act: string;
  subject: string;
  detail: Record<string, unknown>;
}

interface AuditPage {
  page: number;
  pages: number;
  entries: Entry[];
}

const FILTERS = [
  ["actor", "person", "Person"],
  ["act", "shield", "Act"],
  ["subject", "arm", "Robot or subject"],
] as const;

/** "reason deadman, seq 4": a detail as words; nested values as JSON. */
export function detailWords(detail: Record<string, unknown>): string {
  const word = (value: unknown): string =>
    typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
  return Object.entries(detail)
    .filter(([, value]) => value !== "" && value !== null)
    .map(([key, value]) => `${key.replaceAll("_", " ")} ${word(value)}`)
    .join(", ");
}

class AuditLog extends HTMLElement {
  private leaving = new AbortController();
  private loading = new AbortController();
  private typing = 0;
  private page = 1;

  connectedCallback(): void {
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    const fields = FILTERS.map(
      ([name, mark, label]) =>
        `<label class="field">${icon(mark)}<span class="sr">${label}</span><input name="${name}" placeholder="${label}" autocomplete="off" spellcheck="false"></label>`,
    );
    this.innerHTML = `<div class="head"><h1>Audit</h1><span class="muted s11">every entry is chained to the one before it</span><span class="sp"></span><a class="btn" data-part="csv" download="audit.csv">${icon("download")}CSV</a></div>
    <form class="row wrap filters">${fields.join("")}</form><div data-part="body"></div>`;
    this.addEventListener("input", () => this.typed(), { signal });
    this.addEventListener("submit", (event) => event.preventDefault(), { signal });
    this.addEventListener("click", (event) => this.pressed(event), { signal });
    void this.load();
  }

  disconnectedCallback(): void {
    this.leaving.abort();
    this.loading.abort();
    window.clearTimeout(this.typing);
  }

  private typed(): void {
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => {
      this.page = 1;
      void this.load();
    }, 200);
  }

  private pressed(event: Event): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-page]") : null;
    if (!button) return;
    this.page = Number(button.dataset.page);
    void this.load();
  }

  private query(): URLSearchParams {
    const words = new URLSearchParams();
    for (const input of this.querySelectorAll("input"))
      if (input.value.trim()) words.set(input.name, input.value.trim());
    return words;
  }

  private async load(): Promise<void> {
    this.loading.abort();
    this.loading = new AbortController();
    const url = this.dataset.url ?? "/api/audit";
    const words = this.query();
    (this.at("csv") as HTMLAnchorElement).href = `${url}?${new URLSearchParams([...words, ["format", "csv"]])}`;
    words.set("page", String(this.page));
    try {
      this.draw(await call<AuditPage>("GET", `${url}?${words}`, undefined, this.loading.signal));
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.at("body").innerHTML =
        `<div class="empty">${icon("warning")}<b>The log could not be loaded</b><p>${safe(error.message)}</p></div>`;
    }
  }

  private draw({ page, pages, entries }: AuditPage): void {
    this.page = page;
    const lines = entries.map(
      (
        e,
      ) => `<tr><td class="n muted">${e.number}</td><td class="nw t2">${when(e.at)}</td><td class="nw"><b>${safe(e.actor)}</b></td>
      <td class="nw">${safe(e.act.replaceAll("_", " "))}</td><td>${safe(e.subject)}</td><td class="hide-s detail s11">${safe(detailWords(e.detail))}</td></tr>`,
    );
    const step = (to: number, label: string): string =>
      `<button type="button" class="btn" data-page="${to}"${to < 1 || to > pages ? " disabled" : ""}>${label}</button>`;
    const nav = `<div class="row pb">${step(page - 1, "Newer")}<span class="muted">page ${page} of ${pages}</span>${step(page + 1, "Older")}</div>`;
    this.at("body").innerHTML =
      entries.length === 0
        ? `<div class="empty">${icon("search")}<b>No entry matches</b></div>`
        : `<section class="panel tblwrap"><table class="tbl"><thead><tr><th class="n">No.</th><th aria-sort="descending">When ▾</th><th>Who</th><th>Act</th><th>Subject</th><th class="hide-s">Detail</th></tr></thead><tbody>${lines.join("")}</tbody></table>${nav}</section>`;
  }

  private at(name: string): HTMLElement {
    return this.querySelector(`[data-part="${name}"]`) as HTMLElement;
  }
}

customElements.define("audit-log", AuditLog);
