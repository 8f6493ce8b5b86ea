// The recordings' storage: the watch measures every 5 s, and nobody is told of each figure.

import { poll } from "./live.js";

poll(5000);
