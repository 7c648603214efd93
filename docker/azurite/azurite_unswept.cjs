// Azurite sweeps what was overwritten or deleted every ten minutes, in one go and at a cost that grows with the square of
// its amount: after some 50,000 writes it answers nobody for minutes (3.35.0, `BlobGCManager`). Swept more often, it drops
// idle connections under its clients. A run does not last long enough to need it.
const { dirname, join } = require("node:path");

const constants = require(join(dirname(process.argv[1]), "utils", "constants.js"));
constants.DEFAULT_GC_INTERVAL_MS = 2 ** 31 - 1; // the longest timer that Node has, 24 days
