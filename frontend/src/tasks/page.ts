// The pages of tasks: the list and a new one.
import "../base/page";
import "../episodes/episodes.css";
import "./tasks.css";
import "./new_task";
import "./task_list";
