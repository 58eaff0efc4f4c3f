// Placing a mark with keys: whose keys they are, and which picture the mark belongs to.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Marking } from "../../src/player/marking";
import type { MarkPlace } from "../../src/player/store";

let root: HTMLElement;
let row = 10;
let placed: MarkPlace[] = [];
let marking: Marking;

beforeEach(() => {
  document.body.innerHTML =
    '<main><div data-objects="scene"></div></main><textarea></textarea><select></select><dialog></dialog>';
  root = document.querySelector("main") as HTMLElement;
  row = 10;
  placed = [];
  marking = new Marking(
    root,
    () => row,
    (mark) => placed.push(mark),
  );
  marking.start("cube");
});
afterEach(() => marking.stop());

function press(key: string, target: Element = document.body): boolean {
  return target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

const aim = (): string => root.querySelector(".object")?.getAttribute("style") ?? "";
const name = (): void => {
  press("Enter");
  root.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
};

describe("the keys of a mark", () => {
  it("move it, but not while words are written or a dialog is open", () => {
    const before = aim();
    for (const place of ["textarea", "select"])
      expect(press("ArrowLeft", document.querySelector(place) as Element)).toBe(true); // not taken
    const dialog = document.querySelector("dialog") as HTMLDialogElement;
    dialog.showModal();
    expect(press("ArrowLeft", dialog)).toBe(true);
    dialog.close();
    expect(aim()).toBe(before);
    expect(press("ArrowLeft")).toBe(false);
    expect(aim()).not.toBe(before);
  });
});

describe("a mark", () => {
  it("belongs to the picture that was aimed at", () => {
    marking.show([], 10);
    row = 11; // the picture moves on before anything is drawn
    name();
    expect(placed).toMatchObject([{ row: 10, camera: "scene", name: "cube" }]);
  });

  it("is given up when another picture is shown", () => {
    marking.show([], 11);
    name();
    expect(placed).toEqual([]);
    expect(root.dataset.marking).toBeUndefined();
  });
});
