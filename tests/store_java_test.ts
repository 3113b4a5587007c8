// A data directory changes hands between the newest Java release and our store, both ways. The full
// matrix of releases is interop_data_dir_test.ts.

import { test } from "node:test";
import { javaUnavailable } from "./support/java.ts";
import { javaToUs, usToJava } from "./support/data_dir_stories.ts";

const VERSION = "3.9.5";
const skip = javaUnavailable(VERSION) ?? false;

test(`what Java ${VERSION} wrote is read with equal digests`, { skip }, () => javaToUs(VERSION));
test(`what we wrote Java ${VERSION} serves, and its tools read`, { skip }, () => usToJava(VERSION));
