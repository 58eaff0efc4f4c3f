// The page of one episode.
import "../base/page";
import "../fleet/fleet.css";
import "../episodes/episodes.css";
import "./player.css";
import "./side.css";
import "./episode_player";
