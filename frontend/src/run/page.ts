// The page of one run.
import "../base/page";
import "../tasks/tasks.css";
import "./run.css";
import "./run_page";
