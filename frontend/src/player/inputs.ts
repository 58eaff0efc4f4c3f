// Which key and which button does what in the player. Only wiring: what is done stands elsewhere.
import type { Outcome } from "../episodes/shapes";
import type { KeyTable } from "../keys";
import { toast } from "../toast";
import type { EpisodePlayer } from "./episode_player";
import { textForm } from "./forms";
import { kindPicker } from "./kind_picker";
import { editKinds } from "./kinds_dialog";
import { takeProposed, trimIn, trimOut } from "./trim";

export function keys(page: EpisodePlayer): KeyTable {
  const table: KeyTable = { ...moves(page), ...labels(page) };
  table["?"] = () => page.sheet.showModal();
  table.r = () => page.reviewing.toggle();
  table.Enter = () => void page.reviewing.enter(false);
  table["Shift+Enter"] = () => void page.reviewing.enter(true);
  table.u = () => undo(page);
  table["Ctrl+z"] = () => undo(page);
  table["Meta+z"] = () => undo(page);
  table["Ctrl+Shift+z"] = () => void page.edits.redo();
  table["Meta+Shift+z"] = () => void page.edits.redo();
  return table;
}

function moves(page: EpisodePlayer): KeyTable {
  const table: KeyTable = {
    Space: () => page.viewer?.head.toggle(),
    Home: () => page.viewer?.head.seek(0),
    End: () => page.viewer?.head.seek(page.viewer.head.rows - 1),
    ArrowUp: () => void page.beside(-1),
    ArrowDown: () => void page.beside(1),
    j: () => page.viewer?.nextTakeover(),
    l: () => page.viewer?.loop(),
    "-": () => page.viewer?.changeSpeed(-1),
    "+": () => page.viewer?.changeSpeed(1),
    "=": () => page.viewer?.changeSpeed(1),
  };
  for (const [modifier, n] of [
    ["", 1],
    ["Shift+", 10],
    ["Ctrl+", 5],
  ] as const) {
    table[`${modifier}ArrowLeft`] = () => page.viewer?.head.step(-n);
    table[`${modifier}ArrowRight`] = () => page.viewer?.head.step(n);
  }
  return table;
}

function labels(page: EpisodePlayer): KeyTable {
  const { labelling } = page;
  const table: KeyTable = {
    y: () => void labelling.outcome("success"),
    x: () => failed(page),
    t: () => tag(page),
    c: () => comment(page),
    e: () => instruction(page),
    i: () => trim(page, "in"),
    o: () => trim(page, "out"),
    p: () => propose(page),
    m: () => mark(page),
    f: () => void labelling.flag(),
    a: () => void page.datasets.toggle(),
    Delete: () => void labelling.takeAway(),
  };
  for (const n of [1, 2, 3, 4, 5]) table[String(n)] = () => void labelling.quality(n);
  return table;
}

/** What a button of the player does, by its `data-do`; those that only move are the viewer's. */
export function acts(page: EpisodePlayer): Record<string, (button: HTMLElement) => void> {
  const { labelling } = page;
  const untrim = { trim_first: null, trim_last: null };
  return {
    keys: () => page.sheet.showModal(),
    unfold: () => undefined, // the browser does it; the focus goes back to the player
    outcome: (b) => (b.dataset.value === "failure" ? failed(page) : void labelling.outcome(b.dataset.value as Outcome)),
    kinds: () => kinds(page),
    quality: (b) => void labelling.quality(Number(b.dataset.value)),
    tag: () => tag(page),
    untag: (b) => void labelling.untag(b.dataset.value ?? ""),
    comment: () => comment(page),
    edit: () => instruction(page),
    propose: () => propose(page),
    untrim: () => void labelling.set(() => untrim, "The trim is taken away."),
    flag: () => void labelling.flag(),
    second: () => void page.reviewing.enter(false),
    mark: () => mark(page),
    unmark: (b) => void page.objects.remove(Number(b.dataset.value)),
    dataset: () => void page.datasets.toggle(),
    next: () => void page.reviewing.enter(false),
    reviewing: () => page.reviewing.toggle(),
    remove: () => void labelling.takeAway(),
    restore: () => void labelling.bringBack(),
  };
}

/** Takes the last change back; a removed episode that was opened as such comes back too. */
function undo(page: EpisodePlayer): void {
  if (page.edits.empty && page.episode?.removed) void page.labelling.bringBack();
  else void page.edits.undo();
}

function may(page: EpisodePlayer): boolean {
  return Boolean(page.episode?.may_change && !page.episode.removed);
}

/** Failure at once, and the list of its kinds, which takes the next key. */
function failed(page: EpisodePlayer): void {
  const { episode, labelling } = page;
  if (!episode || !may(page)) return;
  const now = episode.second_look ? labelling.draft.outcome : episode.reviewed ? episode.outcome : "";
  if (now !== "failure") void labelling.outcome("failure");
  kinds(page);
}

function kinds(page: EpisodePlayer): void {
  const { episode, labelling, panel } = page;
  if (!episode || !may(page)) return;
  const current = episode.second_look ? labelling.draft.failure : episode.failure;
  const close = (): void => panel.close("label");
  const edit = (): void => {
    close();
    const saved = (failures: string[]): void => page.take({ ...(page.episode ?? episode), failures });
    editKinds(episode.failures_url, saved).catch((error) => page.refused(error, "Not opened."));
  };
  const choice = {
    done: (kind: string | null) => {
      close();
      if (kind !== null) void labelling.failure(kind);
    },
    takeBack: () => {
      close();
      void labelling.outcome("failure");
    },
    edit: episode.failures_url ? edit : null,
  };
  panel.open("label", "kind", kindPicker(episode.failures, current, choice));
}

function tag(page: EpisodePlayer): void {
  const { episode, labelling, panel } = page;
  if (!episode || !may(page)) return;
  const offers = page.neighbours.tags().filter((one) => !episode.tags.includes(one));
  const form = textForm({ label: "Tag", value: "", most: 40, offers }, (words) => {
    panel.close("label");
    if (words) void labelling.tag(words);
  });
  panel.open("label", "tags", form);
}

function comment(page: EpisodePlayer): void {
  const { episode, labelling, panel } = page;
  if (!episode || !may(page) || episode.second_look) return;
  const form = textForm({ label: "Comment", value: episode.comment, most: 2000, lines: 3 }, (words) => {
    panel.close("label");
    if (words !== null && words !== episode.comment)
      void labelling.set(() => ({ comment: words }), words ? "Comment saved." : "Comment removed.");
  });
  panel.open("label", "comment", form);
}

function instruction(page: EpisodePlayer): void {
  const { episode, labelling, panel } = page;
  if (!episode || !may(page)) return;
  const form = textForm({ label: "Instruction", value: episode.instruction, most: 500, lines: 3 }, (words) => {
    panel.close("about");
    if (words !== null && words !== episode.instruction)
      void labelling.set(() => ({ instruction: words }), "Instruction saved.");
  });
  panel.open("about", "instruction", form);
}

function trim(page: EpisodePlayer, end: "in" | "out"): void {
  const { row } = page;
  if (!page.viewer) return;
  const wanted = end === "in" ? trimIn : trimOut;
  void page.labelling.set((e) => wanted(e, row), end === "in" ? "Kept from here." : "Kept until here.");
}

function propose(page: EpisodePlayer): void {
  if (page.episode && !takeProposed(page.episode)) toast("No trim is proposed that is not taken already.");
  else void page.labelling.set(takeProposed, "The proposed trim is taken.");
}

function mark(page: EpisodePlayer): void {
  if (!page.viewer || !may(page)) return;
  page.viewer.head.pause();
  page.marking.start(page.objects.lastName);
}
