// The page of data and privacy.
import "../base/page";
import "./privacy.css";
import "./data_privacy";
