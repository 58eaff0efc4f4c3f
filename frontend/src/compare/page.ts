// The page of trainings beside each other.
import "../base/page";
import "../fleet/fleet.css";
import "../episodes/episodes.css";
import "../training/training.css";
import "./training_compare";
