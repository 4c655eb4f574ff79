import type { Secret } from "../../model/secret.ts";

/** Role of the administrator's client in its tokens (`realm_access.roles`): it may use every endpoint. */
export const KEYMANAGER_ADMIN_ROLE = "keymanager-admin";

/** Role of every client that has a key application: it may use the endpoints that look at the key policy. */
export const KEYMANAGER_USER_ROLE = "keymanager-user";

/** Audience (`aud`) that tokens must be for. */
export const KEYMANAGER_AUDIENCE = "keymanager";

/**
 * Whose tokens Keymanager believes. A token must name {@link KEYMANAGER_AUDIENCE} and one of the two roles; client scopes of the realm with
 * an audience mapper and a hard-coded claim `realm_access.roles` put them there.
 */
export interface KeymanagerIssuer {
  /** Keycloak's realm, e.g. `http://127.0.0.1:8080/realms/staging`. */
  readonly realmUrl: string;
  /** The administrator's client. */
  readonly admin: { readonly clientId: string; readonly clientSecret: Secret };
}

/** The database of Keymanager's own, reached as the login of its claim. */
export interface KeymanagerDatabase {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: Secret;
}

/** What the settings are made from. */
export interface KeymanagerSettings {
  readonly port: number;
  readonly database: KeymanagerDatabase;
  readonly issuer: KeymanagerIssuer | undefined;
  readonly keyStore: string;
  readonly keyStorePassword: Secret;
  /** Random texts of this server, which ids of persons are mixed with; never to be changed. */
  readonly salts: { readonly uin: Secret; readonly partnerCode: Secret };
}

/**
 * Endpoints that check by the key policy who may use an application id (`decrypt`, `jwtSign`, `jwsSign`), or need no more than what is
 * public (a certificate). Every client of the realm may call them.
 */
const FOR_CLIENTS = ["postdecrypt", "postjwtsign", "postjwssign", "postencrypt", "postjwtencrypt", "postjwtverify"];

/**
 * Endpoints that ask nobody whose application id it is: they would decrypt, sign, revoke or make keys for any caller. Only the administrator
 * may call them.
 */
const FOR_ADMIN = [
  "postjwtdecrypt",
  "postpdfsign",
  "postsign",
  "postvalidate",
  "postgeneratemasterkeyobjecttype",
  "getgetcertificate",
  "postgeneratecsr",
  "postuploadcertificate",
  "postuploadotherdomaincertificate",
  "postgeneratesymmetrickey",
  "putrevokekey",
  "postencryptwithpin",
  "postdecryptwithpin",
  "postencryptdt",
  "postdecryptdt",
  "postgenerateargon2hash",
  "postcssign",
  "postcsverifysign",
  "posttpmencrypt",
  "posttpmdecrypt",
  "posttpmsigningpublickey",
  "posttpmencryptionpublickey",
  "postmigratebasekey",
  "getzktempcertificate",
  "postmigratezkkeys",
  "postlicensegenerate",
  "postlicensepermission",
  "getlicensepermission",
  "postuploadcacertificate",
  "postuploadpartnercertificate",
  "getgetpartnercertificatepartnercertid",
  "postverifycertificatetrust",
  "getuinpartnercode",
  "postzkencrypt",
  "postzkdecrypt",
  "postzkreencryptrandomkey",
];

/** The properties file of a server; secrets stand in it, so it is for its user only. */
export function keymanagerProperties(settings: KeymanagerSettings): string {
  const { database, issuer, salts } = settings;
  const host = database.host.includes(":") ? `[${database.host}]` : database.host;
  const properties: Record<string, string> = {
    ...FIXED,
    "server.address": "127.0.0.1",
    "server.port": String(settings.port),
    keymanager_database_url: `jdbc:postgresql://${host}:${database.port}/${encodeURIComponent(database.database)}`,
    keymanager_database_username: database.username,
    keymanager_database_password: database.password.reveal(),
    "mosip.kernel.keymanager.hsm.config-path": settings.keyStore,
    "mosip.kernel.keymanager.hsm.keystore-pass": settings.keyStorePassword.reveal(),
    "mosip.kernel.tokenid.uin.salt": salts.uin.reveal(),
    "mosip.kernel.tokenid.partnercode.salt": salts.partnerCode.reveal(),
    ...(issuer === undefined ? OPEN : guarded(issuer)),
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${escape(value)}\n`)
    .join("");
}

/** No one is asked who he is. */
const OPEN = {
  "mosip.auth.adapter.impl.basepackage": "",
  "spring.autoconfigure.exclude":
    "org.springframework.boot.autoconfigure.security.servlet.SecurityAutoConfiguration,org.springframework.boot.actuate.autoconfigure.security.servlet.ManagementWebSecurityAutoConfiguration",
};

/**
 * Tokens of the realm are checked offline, by its public keys; one whose key the realm does not have is shown to the realm itself. Both
 * addresses are the realm's own, since the adapter compares no more than the issuer's host name.
 */
function guarded(issuer: KeymanagerIssuer): Record<string, string> {
  const realm = issuer.realmUrl.replace(/\/$/, "");
  const name = realm.slice(realm.lastIndexOf("/") + 1);
  const oidc = `${realm}/protocol/openid-connect`;
  const roles = [
    ...FOR_CLIENTS.map((endpoint) => [endpoint, `${KEYMANAGER_USER_ROLE},${KEYMANAGER_ADMIN_ROLE}`] as const),
    ...FOR_ADMIN.map((endpoint) => [endpoint, KEYMANAGER_ADMIN_ROLE] as const),
  ];
  return {
    "mosip.auth.adapter.impl.basepackage": "io.mosip.kernel.auth.defaultadapter",
    "mosip.global.end-points": "/**/actuator/health",
    "mosip.service-context": "",
    "mosip.service.end-points": "/**/actuator/health",
    "mosip.iam.adapter.self-token-renewal-enable": "false",
    "mosip.kernel.auth.adapter.ssl-bypass": "false",
    "mosip.kernel.auth.appids.realm.map": `{keymanager:'${name}'}`,
    "auth.server.admin.issuer.uri": realm.slice(0, realm.lastIndexOf("/") + 1),
    "auth.server.admin.oidc.certs.url": `${oidc}/certs`,
    "auth.server.admin.oidc.userinfo.url": `${oidc}/userinfo`,
    "auth.server.admin.validate.url": "",
    "auth.server.admin.offline.comp.token.validate": "true",
    "auth.server.admin.audience.claim.validate": "true",
    "auth.server.admin.allowed.audience": KEYMANAGER_AUDIENCE,
    ...Object.fromEntries(roles.map(([endpoint, role]) => [`mosip.role.keymanager.${endpoint}`, role])),
  };
}

const FIXED = {
  "spring.application.name": "keymanager",
  "spring.main.banner-mode": "off",
  "spring.cloud.config.enabled": "false",
  "spring.jmx.enabled": "false",
  "spring.sleuth.enabled": "false",
  "spring.zipkin.enabled": "false",
  "health.config.enabled": "false",
  "server.servlet.path": "/v1/keymanager",
  "spring.mvc.servlet.path": "/v1/keymanager",
  "server.tomcat.max-threads": "16",
  "management.endpoints.web.exposure.include": "health,info",
  "management.endpoint.health.show-details": "never",
  "logging.level.root": "WARN",
  "logging.level.io.mosip": "ERROR",
  // It writes the stack of every refused request.
  "logging.level.io.mosip.kernel.core.exception.ExceptionUtils": "OFF",
  "logging.level.org.hibernate.SQL": "OFF",
  "keymanager.persistence.jdbc.driver": "org.postgresql.Driver",
  "keymanager.persistence.jdbc.schema": "keymgr",
  "keymanager.hikari.maximumPoolSize": "5",
  "keymanager.hikari.connectionTimeout": "10000",
  "hibernate.hbm2ddl.auto": "none",
  "hibernate.dialect": "org.hibernate.dialect.PostgreSQL95Dialect",
  "hibernate.jdbc.lob.non_contextual_creation": "true",
  "hibernate.show_sql": "false",
  "hibernate.format_sql": "false",
  "hibernate.current_session_context_class": "org.springframework.orm.hibernate5.SpringSessionContext",
  "mosip.kernel.keymanager.hsm.keystore-type": "PKCS12",
  "mosip.kernel.keymgr.hsm.health.check.enabled": "false",
  "mosip.kernel.keymanager.certificate.default.common-name": "keymanager",
  "mosip.kernel.keymanager.certificate.default.organizational-unit": "commons",
  "mosip.kernel.keymanager.certificate.default.organization": "G2P",
  "mosip.kernel.keymanager.certificate.default.location": "none",
  "mosip.kernel.keymanager.certificate.default.state": "none",
  "mosip.kernel.keymanager.certificate.default.country": "IN",
  "mosip.kernel.crypto.asymmetric-algorithm-name": "RSA/ECB/OAEPWITHSHA-256ANDMGF1PADDING",
  // Java 17 has no GCM "with padding", which is the server's default; both are the same cipher.
  "mosip.kernel.crypto.symmetric-algorithm-name": "AES/GCM/NoPadding",
  "mosip.kernel.crypto.gcm-tag-length": "128",
  "mosip.kernel.crypto.hash-algorithm-name": "PBKDF2WithHmacSHA512",
  "mosip.kernel.crypto.hash-symmetric-key-length": "256",
  "mosip.kernel.crypto.hash-iteration": "100000",
  "mosip.kernel.crypto.sign-algorithm-name": "RS256",
  "mosip.kernel.certificate.sign.algorithm": "SHA256withRSA",
  "mosip.kernel.keygenerator.asymmetric-algorithm-name": "RSA",
  "mosip.kernel.keygenerator.asymmetric-key-length": "2048",
  "mosip.kernel.keygenerator.symmetric-algorithm-name": "AES",
  "mosip.kernel.keygenerator.symmetric-key-length": "256",
  "mosip.kernel.data-key-splitter": "#KEY_SPLITTER#",
  "mosip.kernel.signature.signature-request-id": "SIGNATURE.REQUEST",
  "mosip.kernel.signature.signature-version-id": "v1.0",
  "mosip.root.key.applicationid": "ROOT",
  "mosip.sign.applicationid": "KERNEL",
  "mosip.sign.refid": "SIGN",
  "mosip.sign-certificate-refid": "SIGN",
  "mosip.signed.header": "response-signature",
  "mosip.kernel.tokenid.length": "36",
  "mosip.kernel.licensekey.length": "16",
  "mosip.kernel.licensekey.permissions": "none",
  "mosip.kernel.zkcrypto.masterkey.application.id": "KERNEL",
  "mosip.kernel.zkcrypto.masterkey.reference.id": "IDENTITY_CACHE",
  "mosip.kernel.zkcrypto.publickey.application.id": "IDA",
  "mosip.kernel.zkcrypto.publickey.reference.id": "PUBLIC_KEY",
  "mosip.kernel.zkcrypto.wrap.algorithm-name": "AES/ECB/NoPadding",
  "mosip.kernel.zkcrypto.derive.encrypt.algorithm-name": "AES/ECB/PKCS5Padding",
  "mosip.kernel.partner.sign.masterkey.application.id": "PMS",
  "mosip.kernel.partner.allowed.domains": "AUTH,DEVICE,FTM",
  "mosip.iam.impl.basepackage": "",
  "auth.role.prefix": "ROLE_",
  "auth.header.name": "Authorization",
};

/** A value of a properties file (java.util.Properties). */
function escape(value: string): string {
  return value
    .replaceAll("\\", "\\\\")
    .replace(/^ /, "\\ ")
    .replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
