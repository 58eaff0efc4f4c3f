// The page of one policy version.
import "../base/page";
import "../fleet/fleet.css";
import "../episodes/episodes.css";
import "../training/training.css";
import "./policy.css";
import "./policy_page";
