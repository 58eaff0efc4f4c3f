// What a run leaves behind: its recording, whose frames they are, and one press that puts it into a draft.
import { call, Refused } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import type { EpisodeOf, RunDetail } from "../tasks/shapes";
import { count, safe } from "../text";
import { toast } from "../toast";

const KEPT = "reins.dataset"; // as in the player

interface Draft {
  id: string;
  name: string;
  url?: string;
}

interface Inside {
  dataset: string;
  name: string;
  url: string;
  draft: boolean;
}

export class Lesson {
  private drafts: Draft[] | null = null;
  private inside: Inside[] = [];
  private loaded = "";

  constructor(private readonly changed: () => void) {}

  /** Once for each recording. */
  async load(episode: EpisodeOf | null): Promise<void> {
    if (!episode || this.loaded === episode.id) return;
    this.loaded = episode.id;
    try {
      this.drafts = await call<Draft[]>("GET", "/api/datasets");
      this.inside = await call<Inside[]>("GET", `/api/episodes/${episode.id}/datasets`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.drafts = [];
    }
    this.changed();
  }

  private get chosen(): Draft | undefined {
    const kept = window.localStorage.getItem(KEPT);
    return this.drafts?.find((one) => one.id === kept) ?? this.drafts?.[0];
  }

  choose(id: string): void {
    window.localStorage.setItem(KEPT, id);
    this.changed();
  }

  async add(episode: EpisodeOf): Promise<void> {
    const draft = this.chosen;
    if (!draft) return;
    try {
      await call("POST", `/api/datasets/${draft.id}/picks`, { picks: { [episode.id]: "added" } });
      this.inside = await call<Inside[]>("GET", `/api/episodes/${episode.id}/datasets`);
      say(`Added to ${draft.name}.`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      toast(error.message, { kind: "err", strong: "Not added." });
    }
    this.changed();
  }

  html(run: RunDetail): string {
    const { episode } = run;
    if (!episode) {
      const why = run.episode_id
        ? "The recording is on its way from the robot."
        : "Nothing was recorded, so there is nothing to learn from.";
      return `<h2>Recording</h2><p class="t2">${run.phase === "ended" ? why : "It is recorded while it runs."}</p>`;
    }
    const counted =
      episode.status === "received" ? '<p class="t2">It has come and is being checked.</p>' : frames(episode);
    return `<h2>Recording</h2>${counted}<p><a href="${safe(episode.url)}">Episode ${episode.number}</a> <span class="muted">${safe(episode.status)}</span></p>${this.datasets(episode)}`;
  }

  private datasets(episode: EpisodeOf): string {
    const held = this.inside.filter((one) => one.draft);
    const list = held
      .map(
        (one) =>
          `<p class="row">${icon("check", "ok")}<span>In the draft of <a href="${safe(one.url)}">${safe(one.name)}</a></span></p>`,
      )
      .join("");
    if (!episode.may_curate) return `${list}<p class="s11 muted">Reviewers and engineers put it into a dataset.</p>`;
    const draft = this.chosen;
    if (this.drafts === null) return list;
    if (!draft) return '<p class="t2">There is no dataset yet. <a href="/datasets/">Make one</a></p>';
    if (held.some((one) => one.dataset === draft.id)) return list;
    const others =
      this.drafts.length > 1
        ? `<label class="field"><span class="sr">Dataset</span><select data-dataset>${this.drafts.map((one) => `<option value="${safe(one.id)}" ${one.id === draft.id ? "selected" : ""}>${safe(one.name)}</option>`).join("")}</select></label>`
        : "";
    return `${list}<button type="button" class="btn pri" data-do="add">${icon("plus")}<span class="el">Add to draft “${safe(draft.name)}”</span><kbd>A</kbd></button>${others}`;
  }
}

/** How many rows each drove. What a person showed weighs more in training, by itself. */
function frames(episode: EpisodeOf): string {
  const of = (name: string): number => episode.pilots[name] ?? 0;
  const rows = [
    ["operator", "b-op", "by hand"],
    ["policy", "b-po", "by the policy"],
    ["hold", "b-ho", "standing still"],
  ] as const;
  const all = rows.reduce((sum, [name]) => sum + of(name), 0) || 1;
  const band = rows
    .filter(([name]) => of(name) > 0)
    .map(([name, look]) => `<i class="${look}" style="width:${((of(name) / all) * 100).toFixed(1)}%"></i>`)
    .join("");
  const words = rows
    .map(([name, , how]) => `<span data-frames="${name}">${count(of(name), "frame")} ${how}</span>`)
    .join(" · ");
  const more =
    of("operator") > 0
      ? '<p class="s11 muted">What a person showed, and the moments before it, weigh more in training.</p>'
      : "";
  return `<div class="band thin" role="img" aria-label="Frames by who drove">${band}</div><p class="s11 t2 wrap">${words}</p>${more}`;
}
