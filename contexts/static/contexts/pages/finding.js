/* What was found, as a page: it stays as it was when it was asked for. */

import { organization } from "./api.js";
import * as frame from "./frame.js";
import { Live } from "./live.js";
import { connection } from "./status.js";

const nothing = () => {};

frame.start();
new Live({ level: "global", id: organization, descendants: false, told: connection, changed: nothing, reset: nothing });
