// The page of one dataset.
import "../base/page";
import "../fleet/fleet.css";
import "../episodes/episodes.css";
import "../episodes/library.css";
import "./dataset.css";
import "./dataset_page";
