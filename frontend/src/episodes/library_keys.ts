// Which key does what in the library. Only wiring: what is done stands elsewhere.
import type { KeyTable } from "../keys";
import type { EpisodeLibrary } from "./episode_library";
import { across } from "./library_markup";
import type { LabelWish } from "./library_store";

export function keys(page: EpisodeLibrary): KeyTable {
  const label = (wish: LabelWish, words: string) => () => void page.bar.label(wish, words);
  const table: KeyTable = {
    "/": () => page.search.focus(),
    u: () => document.querySelector<HTMLButtonElement>('.toast:last-child [data-key="u"]')?.click(),
    v: () => page.turn(),
    a: () => void page.chooseAll(),
    y: label({ outcome: "success" }, "labelled success"),
    x: label({ outcome: "failure" }, "labelled failure"),
    t: () => page.bar.ask("tag"),
    d: () => page.bar.ask("dataset"),
    Escape: () => page.cleared(),
    Space: () => page.focused && page.select(page.focused, false),
    "Shift+Space": () => page.focused && page.select(page.focused, true),
  };
  for (const [modifier, choose] of [
    ["", false],
    ["Shift+", true],
  ] as const) {
    table[`${modifier}ArrowRight`] = () => page.step(1, choose);
    table[`${modifier}ArrowLeft`] = () => page.step(-1, choose);
    table[`${modifier}ArrowDown`] = () => page.step(across(page), choose);
    table[`${modifier}ArrowUp`] = () => page.step(-across(page), choose);
  }
  for (const q of [1, 2, 3, 4, 5]) table[String(q)] = label({ quality: q }, `given quality ${q}`);
  return table;
}
