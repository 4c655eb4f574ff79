/**
 * The Keymanager variables that upstream's Python images read (openg2p-fastapi-common's settings), to be put behind an image's
 * prefix.
 *
 * @param keys - claim of a key application.
 */
export function keymanagerVariables(keys: string): Record<string, string> {
  return {
    KEYMANAGER_API_BASE_URL: `\${${keys}.url}`,
    KEYMANAGER_SIGN_APP_ID: `\${${keys}.applicationId}`,
    KEYMANAGER_SIGN_REF_ID: `\${${keys}.referenceId}`,
    ...keymanagerSignIn(keys),
  };
}

/** How an image signs in to Keymanager: by the client credentials of the claim's OIDC client. */
export function keymanagerSignIn(keys: string): Record<string, string> {
  return {
    KEYMANAGER_AUTH_ENABLED: `\${${keys}.authEnabled}`,
    KEYMANAGER_AUTH_URL: `\${${keys}.tokenUrl}`,
    KEYMANAGER_AUTH_CLIENT_ID: `\${${keys}.clientId}`,
    KEYMANAGER_AUTH_CLIENT_SECRET: `\${${keys}.clientSecret}`,
  };
}

/**
 * The object store's variables of Registry's images.
 *
 * @param buckets - claim of the buckets.
 * @param reader - access that only reads them.
 * @param bucket - word of the image's own bucket.
 */
export function minioVariables(buckets: string, reader: string, bucket: string): Record<string, string> {
  return {
    MINIO_ENDPOINT: `\${${buckets}.endpoint}`,
    MINIO_SECURE: `\${${buckets}.secure}`,
    MINIO_BUCKET_NAME: `\${${buckets}.bucket-${bucket}}`,
    MINIO_ACCESS_KEY: `\${${buckets}.accessKey}`,
    MINIO_SECRET_KEY: `\${${buckets}.secretKey}`,
    MINIO_READ_ACCESS_KEY: `\${${reader}.accessKey}`,
    MINIO_READ_SECRET_KEY: `\${${reader}.secretKey}`,
  };
}

/**
 * Variables of an instance's own events. Upstream's charts pass no Kafka setting yet, so these names are ours.
 *
 * @param events - claim of topics.
 * @param topics - its words; each becomes `KAFKA_TOPIC_<WORD>`.
 */
export function kafkaVariables(events: string, topics: readonly string[]): Record<string, string> {
  return {
    KAFKA_BOOTSTRAP_SERVERS: `\${${events}.bootstrapServers}`,
    KAFKA_SECURITY_PROTOCOL: `\${${events}.securityProtocol}`,
    KAFKA_SASL_MECHANISM: `\${${events}.saslMechanism}`,
    KAFKA_USERNAME: `\${${events}.username}`,
    KAFKA_PASSWORD: `\${${events}.password}`,
    KAFKA_GROUP_PREFIX: `\${${events}.groupPrefix}`,
    ...Object.fromEntries(topics.map((word) => [`KAFKA_TOPIC_${word.toUpperCase()}`, `\${${events}.topic-${word}}`])),
  };
}

/**
 * Variables of a search index. Upstream's charts pass no OpenSearch setting yet, so these names are ours.
 *
 * @param search - claim of, or access to, indices.
 */
export function opensearchVariables(search: string): Record<string, string> {
  return {
    OPENSEARCH_URL: `\${${search}.url}`,
    OPENSEARCH_USERNAME: `\${${search}.username}`,
    OPENSEARCH_PASSWORD: `\${${search}.password}`,
    OPENSEARCH_INDEX_RECORDS: `\${${search}.index-records}`,
    OPENSEARCH_CA_FILE: `\${${search}.caFile}`,
  };
}
