import { subject } from "./keymanager.ts";
import { contractSuite } from "./suite.ts";

contractSuite(subject);
