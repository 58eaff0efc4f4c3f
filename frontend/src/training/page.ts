// The page of one training.
import "../base/page";
import "../fleet/fleet.css";
import "../episodes/episodes.css";
import "./training.css";
import "./training_page";
