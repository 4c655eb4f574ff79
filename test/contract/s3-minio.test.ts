import { subject } from "./s3-minio.ts";
import { contractSuite } from "./suite.ts";

contractSuite(subject);
