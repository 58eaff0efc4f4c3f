// The library: the page with all episodes.
import "../base/page";
import "../fleet/fleet.css";
import "./episodes.css";
import "./library.css";
import "./episode_library";
