// What every page loads: the stylesheet, the theme choice, the remote stop of the top bar, menus that close.
import "../styles/reins.css";
import "./menus";
import "./remote_stop";
import "./theme";
import { waitingFeed } from "../waiting";

if (document.querySelector("[data-help-count]")) waitingFeed();
