// The page that adds a robot.
import "../base/page";
import "./enrol.css";
import "./robot_enrolment";
