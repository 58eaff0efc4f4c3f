import "../base/page";
