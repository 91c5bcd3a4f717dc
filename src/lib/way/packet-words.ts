/** What to think of where something large, or nothing at all, comes through a connection that was opened well; follows a colon. */
export const tooLargePackets =
  "is the link down? If small messages pass and large ones do not, packets are too large for the way: lower the MTU of this machine's interface (try 1280)";
