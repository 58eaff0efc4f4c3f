// The cockpit's skeleton: everything that is always there, with names for what changes. Texts and looks are filled in by the other views.
import { icon } from "../../icons";

const MARK =
  '<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 17C3 9 6.5 4 10 4s7 5 7 13" fill="none" stroke="var(--text)" stroke-width="2" stroke-linecap="round"/><path d="M6.8 17c0-5 1.4-8 3.2-8s3.2 3 3.2 8" fill="none" stroke="var(--accent)" stroke-width="2" stroke-linecap="round"/></svg>';

const STOP_TITLE =
  "Asks the robot to stop on every way there is and waits for its answer. It does not replace the hard-wired emergency stop at the robot.";

const BAR = `
<header class="bar">
  <a class="mark" href="/" aria-label="Reins, fleet">${MARK}</a>
  <h1 class="ck-name"><span class="muted" data-ref="site"></span><b data-ref="name">Robot</b></h1>
  <div class="barmid">
    <span class="ck-chip" data-ref="chip"></span><span class="vr"></span>
    <span class="nw ck-lease"><span class="muted">Lease</span> <b data-ref="lease-time">–:––</b> <span class="muted" data-ref="lease-epoch"></span></span><span class="vr"></span>
    <span class="row nw ck-link">${icon("link")}<b data-ref="g2g">– ms</b><span class="muted">p95</span><canvas data-ref="spark" class="ck-spark" aria-hidden="true"></canvas><span class="muted ck-loss" data-ref="loss"></span><span data-ref="permitted" class="chip">–</span></span><span class="vr"></span>
    <span class="row nw ck-rec" data-ref="rec"></span>
  </div>
  <span class="sp"></span>
  <button class="btn quiet ico" data-act="fullscreen" type="button" title="Full screen (Esc leaves it and is a remote stop)" aria-label="Full screen">${icon("grid")}</button>
  <button class="btn quiet ico" data-theme-toggle type="button" title="Light or dark" aria-label="Light or dark">${icon("sun")}</button>
  <button class="stop" data-act="stop" data-ref="stop" type="button" title="${STOP_TITLE}">${icon("stop")}<span data-ref="stop-word">Remote stop</span><span class="scope" data-ref="stop-scope"></span><kbd>Esc</kbd></button>
</header>
<div class="banner" data-ref="banner" hidden></div>`;

const arrow = (act: string, label: string, words: string): string =>
  `<button class="btn ico" type="button" data-act="arrow" data-arrow="${act}" aria-label="${words}" title="${words}">${label}</button>`;

const VIEW = `
<main class="view" id="main" aria-label="Picture">
  <div class="cam ck-main" data-ref="surface" tabindex="0" role="application" aria-label="Picture of the main camera. Hold the drive key to drive; Tab takes over or hands back.">
    <div class="ck-video" data-ref="main-video"></div>
    <div class="ck-wait" data-ref="wait"></div>
    <div class="hud ck-tl">${icon("camera")}<b data-ref="main-name">–</b><span class="muted" data-ref="main-facts"></span></div>
    <div class="lad" data-ref="ladder" role="img"><span data-mode="direct">Direct</span><span data-mode="scaled">Scaled</span><span data-mode="step">Step</span><span data-mode="supervise">Supervise</span></div>
    <div class="hud ck-tr">${icon("shield")}<span data-ref="gate"></span><span class="muted" data-ref="gate-facts"></span></div>
    <div class="ck-pips" data-ref="pips"></div>
    <div class="hud ck-asked" data-ref="asked"></div>
    <div class="ck-arrows" data-ref="arrows" hidden>
      <span></span>${arrow("up", "↑", "Step up in the picture")}${arrow("away", "⤒", "Step away from the camera")}
      ${arrow("left", "←", "Step left in the picture")}${arrow("down", "↓", "Step down in the picture")}${arrow("right", "→", "Step right in the picture")}
      <span></span><span></span>${arrow("near", "⤓", "Step towards the camera")}
    </div>
    <div class="ck-count" data-ref="count" hidden></div>
    <div class="ck-stale" data-ref="stale" hidden></div>
    <div class="dead" data-ref="pill" role="status"></div>
  </div>
</main>`;

const SIDE = `
<aside class="side" aria-label="Control">
  <section data-ref="run" class="ck-run" hidden><h2>Run</h2><div class="col" data-ref="run-body"></div><div class="row wrap" data-ref="run-do"></div></section>
  <section data-ref="control"></section>
  <section class="grow ck-checks"><div data-ref="checks"></div><div data-ref="checks-do"></div></section>
  <section class="body"><h2>Body</h2><div class="ck-meters" data-ref="body"></div></section>
  <section data-ref="campaign" class="ck-camp" hidden>
    <h2>Campaign<span class="sp"></span><label class="ck-camp-choice"><span class="sr">Campaign</span><select data-ref="camp-choice"></select></label></h2>
    <div data-ref="camp-body" hidden></div>
    <div class="row" data-ref="camp-do" hidden><button class="btn pri grow" type="button" data-act="rec-start" data-ref="camp-start"></button><button class="btn" type="button" data-act="rec-again" data-ref="camp-cancel"></button><button class="btn" type="button" data-act="scene" data-ref="camp-scene" title="Put the objects back (simulated robots)"></button></div>
    <p class="s11" data-ref="camp-why" hidden></p>
  </section>
  <section data-ref="recording">
    <h2>Recording<span class="sp"></span><span class="s11" data-ref="rec-note"></span></h2>
    <div class="row ck-rectime" data-ref="rec-clock"><span data-ref="rec-dot"></span><span class="mid" data-ref="rec-time">0:00.0</span><span class="muted el" data-ref="rec-facts"></span></div>
    <label class="field ck-instr" data-ref="rec-instr"><span class="sr">Instruction</span><input data-ref="instruction" placeholder="What is shown, in a sentence" maxlength="500" autocomplete="off"></label>
    <div class="row" data-ref="rec-idle"><button class="btn grow" type="button" data-act="rec-start" data-ref="rec-start"></button><button class="btn" type="button" data-act="rec-last" data-ref="rec-last"></button><button class="btn ico" type="button" data-act="scene" data-ref="scene" title="Put the objects back (simulated robots)" aria-label="Put the objects back">${icon("grid")}</button></div>
    <div class="row" data-ref="rec-on" hidden><button class="btn grow" type="button" data-act="rec-good" data-ref="rec-good"></button><button class="btn grow" type="button" data-act="rec-bad" data-ref="rec-bad"></button><button class="btn ico" type="button" data-act="rec-again" data-ref="rec-again" aria-label="Discard and record again">${icon("back")}</button></div>
    <p class="s11 warn" data-ref="rec-problem" hidden></p>
  </section>
  <section class="ck-take">
    <div data-ref="consent" hidden></div>
    <form data-ref="force" class="ck-force" hidden><label class="field"><span class="sr">Reason</span><input data-ref="force-reason" placeholder="Reason for taking it now" maxlength="200" autocomplete="off" required></label><button class="btn" type="submit">Take with this reason</button></form>
    <button class="btn pri lg ck-big" type="button" data-act="lease" data-ref="take"></button>
    <p class="s11 muted" data-ref="take-why"></p>
  </section>
</aside>`;

const LOW = `
<div class="low">
  <div class="ck-past">
    <div class="hd"><h2>Last 60 s</h2><span class="row s11 muted ck-legend"><span><i class="b-op"></i>operator</span><span><i class="b-po"></i>policy</span><span><i class="b-ho"></i>hold</span><span class="ck-key"><i class="done"></i>done</span><span class="ck-key"><i class="ask"></i>asked</span></span><span class="sp"></span><button class="btn quiet ck-freeze" type="button" data-act="freeze" data-ref="freeze" aria-pressed="false">${icon("pause")}Freeze</button></div>
    <div class="lane"><span class="l"></span><div class="v tick"><span style="left:0%">−60 s</span><span style="left:25%">−45</span><span style="left:50%">−30</span><span style="left:75%">−15</span><span style="left:100%" data-ref="now">now</span></div></div>
    <div class="lane"><span class="l">Pilot</span><div class="v"><div class="band" data-ref="band" role="img"></div></div></div>
    <div class="lane"><span class="l">Tool, m/s<br><span data-ref="tool-now">–</span></span><div class="v"><canvas data-ref="tool"></canvas></div></div>
    <div class="lane j"><span class="l" data-ref="joint-label">Joints, rad</span><div class="v"><canvas data-ref="joints"></canvas></div></div>
    <div class="lane"><span class="l">Delay, ms<br><span class="warn">– – 100 direct</span></span><div class="v"><canvas data-ref="delay"></canvas></div></div>
    <div class="lane"><span class="l">Events</span><div class="v ev" data-ref="events"></div></div>
  </div>
  <div class="ck-delay">
    <div class="hd"><h2>Delay</h2><span class="muted s11">glass to glass</span><span class="sp b" data-ref="wf-total">–</span></div>
    <div class="wf" data-ref="wf"></div>
    <div class="row s11 muted ck-wfsum"><span data-ref="wf-sum"></span><span class="warn">┆ 100 ms direct limit</span></div>
  </div>
</div>`;

export const LAYOUT = `${BAR}
<div class="ck">
  <nav class="rail" aria-label="Robots, by need" data-ref="rail"></nav>
  ${VIEW}${SIDE}${LOW}
</div>
<footer class="foot" data-ref="foot"></footer>
<dialog class="ck-dialog" data-ref="help" aria-label="Keys"></dialog>
<dialog class="ck-dialog ck-key-dialog" data-ref="key-dialog" aria-label="The robot's key changed"></dialog>`;
