import { subject } from "./opensearch.ts";
import { contractSuite } from "./suite.ts";

contractSuite(subject);
