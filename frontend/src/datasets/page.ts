// The page with the list of datasets.
import "../base/page";
import "./dataset_list";
