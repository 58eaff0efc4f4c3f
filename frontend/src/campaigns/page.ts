// The pages of campaigns: the list and one of them.
import "../base/page";
import "../fleet/fleet.css";
import "../episodes/episodes.css";
import "./campaigns.css";
import "./campaign_list";
import "./campaign_page";
