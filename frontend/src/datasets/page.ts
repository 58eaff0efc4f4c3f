// Page.
import "../base/page";
