// The fleet page.
import "../base/page";
import "./fleet.css";
import "./robot_fleet";
