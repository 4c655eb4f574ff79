/** Id of the one lifecycle rule of ours. */
export const EXPIRE_RULE = "g2p-expire";
