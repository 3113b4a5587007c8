// The versions we tell: our own, and the ZooKeeper release whose behaviour we follow. Monitors match
// the leading x.y.z of the latter, so it is printed first wherever Java prints its version.

export const VERSION = "0.1.0";
export const ZOOKEEPER_VERSION = "3.9.5";
