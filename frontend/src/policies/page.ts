// The page of all policies.
import "../base/page";
import "../fleet/fleet.css";
import "../episodes/episodes.css";
import "../training/training.css";
import "../policy/policy.css";
import "./policy_list";
