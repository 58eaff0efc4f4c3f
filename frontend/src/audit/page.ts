// The audit page.
import "../base/page";
import "../fleet/fleet.css";
import "./audit.css";
import "./audit_log";
