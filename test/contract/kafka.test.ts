import { subject } from "./kafka.ts";
import { contractSuite } from "./suite.ts";

contractSuite(subject);
