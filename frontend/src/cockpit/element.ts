// <robot-cockpit robot="id">: makes the page, joins views and controller, and tells tests and assistive tools its state in attributes.

import { safe } from "../text";
import { toast } from "../toast";
import { factsOf, writeAttributes } from "./attributes";
import { Campaign } from "./campaign";
import { Cockpit } from "./cockpit";
import { Gesture, type GestureFacts, type Scene } from "./gesture";
import { keyWords, pinned, trust } from "./identity";
import { type Action, KEYMAPS } from "./keymap";
import { type Model, permittedMode } from "./model";
import { blockers, type Check, checks } from "./preflight";
import { RunWatch } from "./run";
import { Steps } from "./steps";
import { Takes } from "./takes";
import { renderAsked } from "./view/asked";
import { renderBanner } from "./view/banner";
import { renderBar } from "./view/bar";
import { renderBody } from "./view/body";
import { renderCampaign } from "./view/campaign";
import { Refs, setHtml } from "./view/dom";
import { renderFoot, renderHelp } from "./view/foot";
import { LAYOUT } from "./view/layout";
import { renderLower } from "./view/lower";
import { renderPicture } from "./view/picture";
import { Rail } from "./view/rail";
import { recordingOf, renderRecording } from "./view/recording";
import { renderRun } from "./view/run";
import { renderSide } from "./view/side";

type ButtonActs = Record<string, (button: HTMLElement) => void>;

/** Plots and meters are redrawn five times a second: the main thread is also the one that drives. */
const SLOW_MS = 190;

export class RobotCockpit extends HTMLElement {
  private refs: Refs | null = null;
  private cockpit: Cockpit | null = null;
  private rail: Rail | null = null;
  private steps: Steps | null = null;
  private takes: Takes | null = null;
  private campaign: Campaign | null = null;
  private run: RunWatch | null = null;
  private life = new AbortController();
  private timers: number[] = [];
  private drawing = 0;
  private slowMs = 0;
  private checks: readonly Check[] = [];
  private leavingFullscreen = false;

  connectedCallback(): void {
    const robot = this.getAttribute("robot") ?? "";
    this.innerHTML = LAYOUT;
    this.life = new AbortController();
    const refs = new Refs(this);
    this.refs = refs;
    const surface = refs.get("surface");
    const cockpit = new Cockpit(
      robot,
      surface,
      {
        stop: () => this.stop(),
        act: (action) => this.act(action),
        camera: (number) => cockpit.choose(cockpit.model.cameras[number - 1] ?? ""),
        motion: (motion, factor) => this.steps?.motion(motion, factor),
        arrow: (right, up, away) => this.steps?.inPicture(right, up, away),
        lifted: () => {
          cockpit.driver.letGo();
          this.steps?.cancel();
          this.soon();
        },
        changed: () => this.soon(),
      },
      () => this.soon(),
    );
    this.cockpit = cockpit;
    this.steps = new Steps(cockpit);
    this.takes = new Takes(
      cockpit,
      () => this.instruction,
      () => this.soon(),
    );
    this.campaign = new Campaign(cockpit, this.takes, () => this.soon());
    this.run = new RunWatch(cockpit, () => this.soon());
    this.remember();
    this.rail = new Rail(refs.get("rail"), robot, this.life.signal);
    this.listen(cockpit, surface);
    cockpit.start();
    this.timers = [
      window.setInterval(() => this.draw(), 100),
      window.setInterval(() => void cockpit.second(performance.now()), 1000),
    ];
    surface.focus({ preventScroll: true });
  }

  disconnectedCallback(): void {
    for (const timer of this.timers) window.clearInterval(timer);
    this.cockpit?.close();
    this.campaign?.close();
    this.run?.close();
    this.life.abort();
  }

  private listen(cockpit: Cockpit, surface: HTMLElement): void {
    const { signal } = this.life;
    cockpit.inputs.listen(signal);
    this.gesture(cockpit, surface).listen(signal);
    this.addEventListener("click", (event) => this.clicked(event), { signal });
    this.addEventListener("submit", (event) => this.forced(event), { signal });
    this.addEventListener("change", (event) => this.chosen(event), { signal });
    document.addEventListener("visibilitychange", () => this.visibility(), { signal });
    window.addEventListener("pagehide", () => this.cockpit?.close(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && window.location.reload(), { signal });
    document.addEventListener("fullscreenchange", () => this.fullscreenChanged(), { signal });
  }

  private gesture(cockpit: Cockpit, surface: HTMLElement): Gesture {
    const { model } = cockpit;
    const scene = (): Scene | null => {
      const camera = model.embodiment?.cameras.find((one) => one.name === model.main);
      const state = model.telemetry?.state;
      return model.embodiment && camera && state ? { embodiment: model.embodiment, camera, state } : null;
    };
    const permitted = (): "drag" | "step" | "none" => {
      if (!cockpit.inControl) return "none";
      const mode = permittedMode(model);
      return mode === "supervise" ? "none" : mode === "step" ? "step" : "drag";
    };
    const facts: GestureFacts = {
      scene,
      permitted,
      deadman: () => cockpit.inputs.deadman !== null,
      stepBy: (shift) => this.steps?.by(shift),
      changed: () => this.soon(),
    };
    return new Gesture(surface, cockpit.inputs.drag, facts);
  }

  // -- what a person does -------------------------------------------------------------------------

  private stop(): void {
    this.cockpit?.pressStop();
  }

  private act(action: Action): void {
    const { cockpit } = this;
    if (!cockpit) return;
    const acts: Record<Action, () => void> = {
      gripper: () => cockpit.inControl && cockpit.driver.toggleGrip(),
      lease: () => this.lease(),
      pause: () => cockpit.handBack("released"),
      help: () => this.help(true),
      success: () => this.end("success"),
      failure: () => this.end("failure"),
      rerecord: () => this.again(),
      start: () => this.start(),
      reset_scene: () => recordingOf(cockpit.model).state !== "recording" && this.takes?.resetScene(),
      save_last: () => this.takes?.saveLast(),
    };
    acts[action]();
    this.soon();
  }

  private readonly buttons: ButtonActs = {
    stop: () => this.stop(),
    lease: () => this.lease(),
    fullscreen: () => this.fullscreen(),
    camera: (button) => this.cockpit?.choose(button.dataset.camera ?? ""),
    arrow: (button) => this.steps?.arrow(button.dataset.arrow ?? ""),
    freeze: () => this.freeze(),
    help: () => this.help(true),
    "close-help": () => this.help(false),
    keymap: (button) => this.setKeymap(button.dataset.keymap ?? ""),
    follow: (button) => this.setFollow(button.dataset.follow === "robot" ? "robot" : "picture"),
    consent: (button) => this.answer(button, true),
    keep: (button) => this.answer(button, false),
    clear: (button) => this.clear(button),
    test: () => this.cockpit?.testNetwork(),
    "try-now": () => this.cockpit?.connection.socket.hurry(),
    dismiss: () => this.cockpit?.happen({ what: "cancel" }),
    "trust-key": () => this.trustKey(),
    leave: () => window.location.assign("/"),
    "run-back": () => void this.run?.handBack(),
    "run-good": () => void this.run?.end("success"),
    "run-bad": () => void this.run?.end("failure"),
    "rec-start": () => this.start(),
    "rec-last": () => this.takes?.saveLast(),
    "rec-good": () => this.end("success"),
    "rec-bad": () => this.end("failure"),
    "rec-again": () => this.again(),
    scene: () => this.takes?.resetScene(),
  };

  /** A key or a button means the take of the campaign where one is chosen. */
  private start(): void {
    if (!this.campaign?.enter()) this.takes?.start();
  }

  private end(outcome: "success" | "failure"): void {
    if (this.run?.open && this.cockpit?.inControl) void this.run.end(outcome);
    else if (!this.campaign?.keep(outcome)) this.takes?.end(outcome);
  }

  private again(): void {
    if (!this.campaign?.again()) this.takes?.again();
  }

  private chosen(event: Event): void {
    if (!(event.target instanceof HTMLSelectElement)) return;
    this.campaign?.choose(event.target.value);
    this.refs?.get("surface").focus({ preventScroll: true });
  }

  private clicked(event: MouseEvent): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-act]") : null;
    if (!button) return;
    this.buttons[button.dataset.act ?? ""]?.(button);
    if (button.dataset.act !== "lease" || this.cockpit?.model.authority.lease.at !== "none")
      this.refs?.get("surface").focus({ preventScroll: true });
    this.draw();
  }

  private lease(): void {
    const { cockpit } = this;
    if (!cockpit) return;
    const { authority, state } = cockpit.model;
    const { at } = authority.lease;
    if (at === "mine" && this.run?.open) void this.run.handBack();
    else if (at === "mine") cockpit.handBack("released");
    else if (at === "asking") cockpit.happen({ what: "cancel" });
    else if (at !== "none" && at !== "lost") return;
    else {
      if (!this.mayTake()) return;
      const held = state?.lease;
      const ask = held?.kind === "human";
      cockpit.take(ask ? "ask" : "free", held?.name ?? "", "");
    }
  }

  /** Says what is missing, if anything is: also who may force the lease has to see whom they drive. */
  private mayTake(): boolean {
    const first = blockers(this.checks)[0];
    if (first) toast(first.text, { kind: "warn" });
    return first === undefined;
  }

  private forced(event: SubmitEvent): void {
    event.preventDefault();
    const input = this.refs?.get("force-reason");
    if (!(input instanceof HTMLInputElement) || !input.value.trim() || !this.mayTake()) return;
    this.cockpit?.take("force", this.cockpit.model.state?.lease?.name ?? "", input.value.trim());
    input.value = "";
    this.refs?.get("surface").focus({ preventScroll: true });
  }

  private answer(button: HTMLElement, consent: boolean): void {
    this.cockpit?.happen({ what: "answer", request: button.dataset.request ?? "", consent });
  }

  private clear(button: HTMLElement): void {
    const looked = this.querySelector<HTMLInputElement>("[data-looked]");
    if (!looked?.checked) {
      toast("Look at the robot first, then tick the box.", { kind: "warn" });
      return;
    }
    this.cockpit?.clear(button.dataset.source ?? "");
  }

  private trustKey(): void {
    const { cockpit } = this;
    if (!cockpit) return;
    trust(window.localStorage, cockpit.model.robot, cockpit.model.changedKey);
    cockpit.model.changedKey = "";
    cockpit.connection.unblock();
  }

  private get instruction(): string {
    const input = this.refs?.get("instruction");
    return input instanceof HTMLInputElement ? input.value.trim() : "";
  }

  // -- the page -----------------------------------------------------------------------------------

  private visibility(): void {
    if (document.visibilityState === "hidden") this.cockpit?.handBack("hidden");
    this.soon();
  }

  private fullscreen(): void {
    if (document.fullscreenElement) {
      this.leavingFullscreen = true;
      void document.exitFullscreen();
    } else
      void this.requestFullscreen().catch(() =>
        toast("The browser does not allow full screen here.", { kind: "warn" }),
      );
  }

  /** In full screen the browser keeps Esc to itself: leaving it other than by the button is the remote stop. */
  private fullscreenChanged(): void {
    if (!document.fullscreenElement && !this.leavingFullscreen) this.stop();
    this.leavingFullscreen = false;
  }

  private freeze(): void {
    const model = this.cockpit?.model;
    if (model) model.frozenMs = model.frozenMs === null ? performance.now() : null;
  }

  private help(open: boolean): void {
    const dialog = this.refs?.get("help");
    if (!(dialog instanceof HTMLDialogElement) || !this.cockpit || !this.refs) return;
    renderHelp(this.refs, this.cockpit.model);
    if (open && !dialog.open) dialog.showModal();
    if (!open) dialog.close();
  }

  private remember(): void {
    this.setKeymap(window.localStorage.getItem("reins.keys") ?? "reins");
    this.setFollow(window.localStorage.getItem("reins.keys-follow") === "robot" ? "robot" : "picture");
  }

  private setKeymap(name: string): void {
    const map = KEYMAPS.find((one) => one.name === name) ?? KEYMAPS[0];
    if (!map || !this.cockpit || !this.refs) return;
    this.cockpit.inputs.forget();
    this.cockpit.inputs.keymap = map;
    this.cockpit.model.keymap = map;
    window.localStorage.setItem("reins.keys", map.name);
    renderHelp(this.refs, this.cockpit.model);
  }

  private setFollow(what: "picture" | "robot"): void {
    if (!this.cockpit || !this.refs) return;
    this.cockpit.model.keysFollow = what;
    this.cockpit.turnKeys();
    window.localStorage.setItem("reins.keys-follow", what);
    renderHelp(this.refs, this.cockpit.model);
  }

  // -- drawing ------------------------------------------------------------------------------------

  /** At the next frame: something changed that a person should see at once. */
  private soon(): void {
    if (this.drawing) return;
    this.drawing = window.requestAnimationFrame(() => {
      this.drawing = 0;
      this.draw();
    });
  }

  private draw(): void {
    const { cockpit, refs } = this;
    if (!cockpit || !refs) return;
    cockpit.refresh(performance.now());
    const { model } = cockpit;
    this.campaign?.tick(model.nowMs);
    this.run?.tick(model.nowMs);
    this.checks = checks(factsOf(model));
    writeAttributes(this, model, this.checks);
    renderBar(refs, model, this.rail?.row?.site ?? "");
    renderBanner(refs, model);
    renderPicture(refs, model, cockpit.pictures);
    renderAsked(refs, model);
    renderSide(refs, model, this.checks);
    renderRun(refs, model);
    renderCampaign(refs, model);
    renderRecording(refs, model);
    this.keyDialog(model);
    if (model.nowMs - this.slowMs < SLOW_MS) return;
    this.slowMs = model.nowMs;
    renderBody(refs, model);
    renderLower(refs, model);
    renderFoot(refs, model);
  }

  private keyDialog(m: Model): void {
    const dialog = this.refs?.get("key-dialog");
    if (!(dialog instanceof HTMLDialogElement)) return;
    if (!m.changedKey) {
      if (dialog.open) dialog.close();
      return;
    }
    const known = pinned(window.localStorage, m.robot) ?? "";
    const row = (name: string, key: string): string => `<dt>${name}</dt><dd class="mono">${safe(keyWords(key))}</dd>`;
    setHtml(
      dialog,
      `<div class="inner col"><h2>The robot's key changed</h2><p>${safe(m.hello?.robot_name ?? "This robot")} shows another key than this browser knows. That is so after it was enrolled again; otherwise somebody may stand between. Ask an administrator before you go on.</p><dl class="kv l">${row("Known", known)}${row("Now", m.changedKey)}</dl><div class="row"><button class="btn" type="button" data-act="leave">Leave</button><span class="sp"></span><button class="btn danger" type="button" data-act="trust-key">Trust the new key</button></div></div>`,
    );
    if (!dialog.open) dialog.showModal();
  }
}
