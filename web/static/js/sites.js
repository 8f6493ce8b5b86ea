// Cameras: figures every 2 s, changes at once (through live.js).

import { poll } from "./live.js";

poll(2000);
