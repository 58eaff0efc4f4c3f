// The page with the list of episodes.
import "../base/page";
import "../fleet/fleet.css";
import "./episodes.css";
import "./episode_list";
