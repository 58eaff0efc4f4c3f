// <robot-cockpit robot="id">: makes the page, joins views and controller, and tells tests and assistive tools its state in attributes.
import { toast } from "../toast";
import { inControl, leaseWord } from "./authority";
import { Cockpit } from "./cockpit";
import { scale, add, type Vec, pictureFrame } from "./geometry";
import { Gesture } from "./gesture";
import { stepOf, stepTo, STEP_M, wishOf } from "./drive";
import { type Action, KEYMAPS, type Motion } from "./keymap";
import { keyWords, pinned, trust } from "./identity";
import { type Model, permittedMode } from "./model";
import { blockers, type Check, checks } from "./preflight";
import { safe } from "../text";
import { renderAsked } from "./view/asked";
import { renderBanner } from "./view/banner";
import { renderBar } from "./view/bar";
import { renderBody } from "./view/body";
import { Refs, setData, setHtml } from "./view/dom";
import { renderFoot, renderHelp } from "./view/foot";
import { LAYOUT } from "./view/layout";
import { renderLower } from "./view/lower";
import { renderPicture } from "./view/picture";
import { Rail } from "./view/rail";
import { recordingOf, renderRecording } from "./view/recording";
import { renderSide } from "./view/side";

type ButtonActs = Record<string, (button: HTMLElement) => void>;

export class RobotCockpit extends HTMLElement {
  private refs: Refs | null = null;
  private cockpit: Cockpit | null = null;
  private rail: Rail | null = null;
  private life = new AbortController();
  private timers: number[] = [];
  private drawing = 0;
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
        motion: (motion, factor) => this.stepMotion(motion, factor),
        arrow: (right, up, away) => this.stepInPicture(right, up, away),
        changed: () => this.soon(),
      },
      () => this.soon(),
    );
    this.cockpit = cockpit;
    this.remember();
    this.rail = new Rail(refs.get("rail"), robot, this.life.signal);
    this.listen(cockpit, surface);
    cockpit.start();
    this.timers = [window.setInterval(() => this.draw(), 100), window.setInterval(() => void cockpit.second(performance.now()), 1000)];
    surface.focus({ preventScroll: true });
  }

  disconnectedCallback(): void {
    for (const timer of this.timers) window.clearInterval(timer);
    this.cockpit?.close();
    this.life.abort();
  }

  private listen(cockpit: Cockpit, surface: HTMLElement): void {
    const { signal } = this.life;
    cockpit.inputs.listen(signal);
    this.gesture(cockpit, surface).listen(signal);
    this.addEventListener("click", (event) => this.clicked(event), { signal });
    this.addEventListener("submit", (event) => this.forced(event), { signal });
    document.addEventListener("visibilitychange", () => this.visibility(), { signal });
    window.addEventListener("pagehide", () => this.cockpit?.close(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && window.location.reload(), { signal });
    document.addEventListener("fullscreenchange", () => this.fullscreenChanged(), { signal });
  }

  private gesture(cockpit: Cockpit, surface: HTMLElement): Gesture {
    const { model } = cockpit;
    const scene = (): ReturnType<Parameters<typeof makeFacts>[0]> => {
      const camera = model.embodiment?.cameras.find((one) => one.name === model.main);
      const state = model.telemetry?.state;
      return model.embodiment && camera && state ? { embodiment: model.embodiment, camera, state } : null;
    };
    const permitted = (): "drag" | "step" | "none" => {
      if (!cockpit.inControl) return "none";
      const mode = permittedMode(model);
      return mode === "supervise" ? "none" : mode === "step" ? "step" : "drag";
    };
    const facts = makeFacts(scene, permitted, () => cockpit.inputs.deadman !== null, (shift) => this.goal(shift), () => this.soon());
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
      success: () => this.endRecording("success"),
      failure: () => this.endRecording("failure"),
      rerecord: () => this.recordAgain(),
      start: () => this.startRecording(),
      save_last: () => this.record({ type: "save_last", seconds: 30, instruction: this.instruction }, "The last 30 s are being saved."),
    };
    acts[action]();
    this.soon();
  }

  private readonly buttons: ButtonActs = {
    stop: () => this.stop(),
    lease: () => this.lease(),
    fullscreen: () => this.fullscreen(),
    camera: (button) => this.cockpit?.choose(button.dataset.camera ?? ""),
    arrow: (button) => this.arrow(button.dataset.arrow ?? ""),
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
    "rec-start": () => this.startRecording(),
    "rec-last": () => this.act("save_last"),
    "rec-good": () => this.endRecording("success"),
    "rec-bad": () => this.endRecording("failure"),
    "rec-again": () => this.recordAgain(),
    scene: () => this.record({ type: "reset_scene" }, "The objects are back."),
  };

  private clicked(event: MouseEvent): void {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-act]") : null;
    if (!button) return;
    this.buttons[button.dataset.act ?? ""]?.(button);
    if (button.dataset.act !== "lease" || this.cockpit?.model.authority.lease.at !== "none") this.refs?.get("surface").focus({ preventScroll: true });
    this.draw();
  }

  private lease(): void {
    const { cockpit } = this;
    if (!cockpit) return;
    const { authority, state, hello } = cockpit.model;
    const { at } = authority.lease;
    if (at === "mine") cockpit.handBack("released");
    else if (at === "asking") cockpit.happen({ what: "cancel" });
    else if (at !== "none" && at !== "lost") return;
    else {
      const first = blockers(this.checks)[0];
      if (first) {
        toast(first.text, { kind: "warn" });
        return;
      }
      const held = state?.lease;
      const ask = held?.kind === "human" && held.person !== hello?.person;
      cockpit.take(ask ? "ask" : "free", held?.name ?? "", "");
    }
  }

  private forced(event: SubmitEvent): void {
    event.preventDefault();
    const input = this.refs?.get("force-reason");
    if (!(input instanceof HTMLInputElement) || !input.value.trim()) return;
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

  // -- steps --------------------------------------------------------------------------------------

  private stepMotion(motion: Motion, factor: number): void {
    const { cockpit } = this;
    const action = cockpit?.model.embodiment?.action;
    if (!cockpit || !action || permittedMode(cockpit.model) !== "step" || cockpit.inputs.deadman === null) return;
    this.sendGoal(stepOf(action, wishOf(motion, cockpit.inputs.turn), cockpit.driver.grip, factor));
  }

  private arrow(name: string): void {
    const way: Record<string, Vec> = { left: [-1, 0, 0], right: [1, 0, 0], up: [0, 1, 0], down: [0, -1, 0], away: [0, 0, 1], near: [0, 0, -1] };
    const [right, up, away] = way[name] ?? [0, 0, 0];
    this.stepInPicture(right, up, away);
  }

  private stepInPicture(right: number, up: number, away: number): void {
    const model = this.cockpit?.model;
    const camera = model?.embodiment?.cameras.find((one) => one.name === model.main);
    if (!model?.embodiment || !camera || !model.telemetry || permittedMode(model) !== "step") return;
    const frame = pictureFrame(camera, model.embodiment, model.telemetry.state);
    if (frame) this.goal(add(add(scale(frame.right, right * STEP_M), scale(frame.up, up * STEP_M)), scale(frame.forward, away * STEP_M)));
  }

  private goal(shift: Vec): void {
    const action = this.cockpit?.model.embodiment?.action;
    if (this.cockpit && action) this.sendGoal(stepTo(action, shift, this.cockpit.driver.grip));
  }

  private sendGoal(delta: readonly number[]): void {
    const { cockpit } = this;
    const lease = cockpit?.model.authority.lease;
    const seen = cockpit?.pictures.ledger.newest ?? null;
    if (!cockpit || lease?.at !== "mine" || seen === null) return;
    const nowMs = performance.now();
    const id = cockpit.asks.nextId("goal");
    cockpit.asks.expect(id, nowMs, (problem) => problem && toast(problem, { kind: "warn" }));
    const { epoch, seq } = lease;
    const sent_us = Math.round(nowMs * 1000);
    cockpit.connection.peer?.tell({ type: "goal", id, epoch, seq, n: cockpit.driver.nextGoal, sent_us, seen_frame: seen, delta });
  }

  // -- recording ----------------------------------------------------------------------------------

  private get instruction(): string {
    const input = this.refs?.get("instruction");
    return input instanceof HTMLInputElement ? input.value.trim() : "";
  }

  private record(message: Parameters<NonNullable<Cockpit["connection"]["peer"]>["tell"]>[0], done: string): void {
    const { cockpit } = this;
    if (!cockpit?.inControl) return;
    const { model } = cockpit;
    const id = cockpit.asks.nextId("record");
    const late = window.setTimeout(() => {
      model.recordWait = true;
    }, 300);
    model.recordProblem = "";
    cockpit.asks.expect(id, performance.now(), (problem) => {
      window.clearTimeout(late);
      model.recordWait = false;
      model.recordProblem = problem;
      if (!problem && done) toast(done);
      this.soon();
    });
    cockpit.connection.peer?.tell({ ...message, id });
  }

  private get recording(): boolean {
    return this.cockpit !== null && recordingOf(this.cockpit.model).state === "recording";
  }

  private startRecording(): void {
    if (!this.recording) this.record({ type: "record_start", instruction: this.instruction }, "");
  }

  private endRecording(outcome: "success" | "failure"): void {
    if (this.recording) this.record({ type: "record_stop", outcome }, "");
  }

  private recordAgain(): void {
    if (!this.recording) return;
    this.record({ type: "record_stop", discard: true }, "");
    this.record({ type: "record_start", instruction: this.instruction }, "The take was discarded. Recording again.");
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
    } else void this.requestFullscreen().catch(() => toast("The browser does not allow full screen here.", { kind: "warn" }));
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
    this.checks = checks(factsOf(model));
    this.attributes(model);
    renderBar(refs, model, this.rail?.row?.site ?? "");
    renderBanner(refs, model);
    renderPicture(refs, model, cockpit.pictures);
    renderAsked(refs, model);
    renderSide(refs, model, this.checks);
    renderBody(refs, model);
    renderRecording(refs, model);
    renderLower(refs, model);
    renderFoot(refs, model);
    this.keyDialog(model);
  }

  private attributes(m: Model): void {
    const silent = m.peer === "lost" || (m.peer === "live" && m.authority.wordMs !== null && m.nowMs - m.authority.wordMs > 1000);
    setData(this, "mode", silent ? "UNKNOWN" : m.online || m.peer === "live" ? (m.state?.mode ?? "UNKNOWN") : "OFFLINE");
    setData(this, "reason", m.state?.reason ?? "");
    setData(this, "connection", m.hello && !m.online && m.peer !== "live" ? "offline" : m.peer === "none" ? "connecting" : m.peer);
    setData(this, "server", m.socket);
    setData(this, "lease", leaseWord(m.authority, m.nowMs));
    setData(this, "g2gMs", m.glass.p50Ms === null ? "" : m.glass.p50Ms.toFixed(1));
    setData(this, "recording", recordingOf(m).state);
    setData(this, "permitted", permittedMode(m));
    setData(this, "frameAgeMs", m.ageMs === null ? "" : String(Math.round(m.ageMs)));
    setData(this, "stop", m.stop.at === "asked" ? (m.stopUnknown ? "unknown" : "asked") : (m.state?.stops ?? []).length > 0 ? "stopped" : "rest");
    setData(this, "driving", inControl(m.authority, m.nowMs) && m.deadman ? m.deadman : "no");
    setData(this, "ready", blockers(this.checks).length === 0 ? "yes" : "no");
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

function makeFacts(
  scene: ConstructorParameters<typeof Gesture>[2]["scene"],
  permitted: ConstructorParameters<typeof Gesture>[2]["permitted"],
  deadman: () => boolean,
  stepBy: (shift: Vec) => void,
  changed: () => void,
): ConstructorParameters<typeof Gesture>[2] {
  return { scene, permitted, deadman, stepBy, changed };
}

function factsOf(m: Model): Parameters<typeof checks>[0] {
  return {
    signedIn: m.hello !== null,
    mayDrive: m.hello?.may_drive ?? false,
    whyNot: m.hello?.why_not ?? "",
    pageProblem: m.pageProblem,
    keyChecked: m.keyChecked,
    online: m.online,
    lastSeenS: m.lastSeenS,
    live: m.peer === "live",
    state: m.state,
    me: m.hello?.person ?? "",
    ageMs: m.ageMs,
    test: m.test,
    glassMs: m.glass.p50Ms,
  };
}
