// The demo's mails appear as they are queued.

import { poll } from "./live.js";

poll(3000);
