/**
 * Where root keeps what a server's unprivileged user must reach when the state directory or node_modules lie below a
 * closed folder such as /root: `engines/<package>` and `servers/<hash of the state directory and scope>/<random>`.
 */
export const SYSTEM_DIR = "/var/lib/g2p-commons";
