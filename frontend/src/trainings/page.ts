// The page of all trainings.
import "../base/page";
import "../fleet/fleet.css";
import "../episodes/episodes.css";
import "../training/training.css";
import "./training_queue";
