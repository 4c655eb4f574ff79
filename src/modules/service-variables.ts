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
