// Live sessions: figures every 2 s, changes at once (through live.js). No reload while a dialog asks for a reason would
// matter: the dialog is outside the region that is replaced.

import { poll } from "./live.js";

poll(2000);
