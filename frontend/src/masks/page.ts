// The page of a robot's privacy masks.
import "../base/page";
import "./masks.css";
import "./robot_masks";
