// The cockpit page's script: registers the element and its layout.
import "./cockpit.css";
import { RobotCockpit } from "./element";

customElements.define("robot-cockpit", RobotCockpit);
