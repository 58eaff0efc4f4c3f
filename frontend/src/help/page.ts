// The pages of help: the queue and one request.
import "../base/page";
import "../tasks/tasks.css";
import "./help.css";
import "./help_queue";
import "./help_request";
