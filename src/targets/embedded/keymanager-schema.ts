/**
 * Schema `keymgr` as Keymanager 1.2.0.1 reads and writes it, described by the columns of its JPA entities. Texts have no limit where
 * the server's own limits are too short for what it stores (certificates, subjects, reference ids). Every statement may be repeated.
 *
 * `g2p_key_store` is ours: it says which key store file this database belongs to, see `pairKeyStore`.
 */
export const KEYMANAGER_SCHEMA = `
CREATE SCHEMA IF NOT EXISTS keymgr;

CREATE TABLE IF NOT EXISTS keymgr.key_policy_def (
  app_id varchar(36) PRIMARY KEY,
  key_validity_duration integer NOT NULL,
  is_active boolean NOT NULL,
  pre_expire_days integer NOT NULL,
  access_allowed varchar(1024) NOT NULL,
  ${meta()}
);

CREATE TABLE IF NOT EXISTS keymgr.key_alias (
  id varchar(36) PRIMARY KEY,
  app_id varchar(36) NOT NULL,
  ref_id varchar(128),
  key_gen_dtimes timestamp,
  key_expire_dtimes timestamp,
  status_code varchar(36),
  cert_thumbprint varchar(128),
  uni_ident varchar(64) UNIQUE,
  ${meta()}
);
CREATE INDEX IF NOT EXISTS key_alias_app ON keymgr.key_alias (app_id, ref_id);
CREATE INDEX IF NOT EXISTS key_alias_thumbprint ON keymgr.key_alias (cert_thumbprint);

CREATE TABLE IF NOT EXISTS keymgr.key_store (
  id varchar(36) PRIMARY KEY,
  master_key varchar(36) NOT NULL,
  private_key text NOT NULL,
  certificate_data text NOT NULL,
  ${meta()}
);

CREATE TABLE IF NOT EXISTS keymgr.ca_cert_store (
  cert_id varchar(36) PRIMARY KEY,
  ${certificate()},
  crl_uri text,
  partner_domain varchar(36),
  ${meta()}
);

CREATE TABLE IF NOT EXISTS keymgr.partner_cert_store (
  cert_id varchar(36) PRIMARY KEY,
  ${certificate()},
  partner_domain varchar(36) NOT NULL,
  key_usage varchar(256),
  organization_name text,
  signed_cert_data text,
  ${meta()}
);

CREATE TABLE IF NOT EXISTS keymgr.data_encrypt_keystore (
  id integer PRIMARY KEY,
  key varchar(64) NOT NULL,
  key_status varchar(16),
  cr_by varchar(256) NOT NULL,
  cr_dtimes timestamp NOT NULL,
  upd_by varchar(256),
  upd_dtimes timestamp
);

CREATE TABLE IF NOT EXISTS keymgr.licensekey_list (
  license_key varchar(255) PRIMARY KEY,
  is_active boolean NOT NULL,
  created_dtime timestamp,
  expiry_dtime timestamp,
  ${meta()}
);

CREATE TABLE IF NOT EXISTS keymgr.licensekey_permission (
  license_key varchar(255) NOT NULL REFERENCES keymgr.licensekey_list,
  permission varchar(512) NOT NULL,
  is_active boolean NOT NULL,
  ${meta()},
  PRIMARY KEY (license_key, permission)
);

CREATE TABLE IF NOT EXISTS keymgr.tsp_licensekey_map (
  tsp_id varchar(36) NOT NULL,
  license_key varchar(255) NOT NULL REFERENCES keymgr.licensekey_list,
  is_active boolean NOT NULL,
  ${meta()},
  PRIMARY KEY (tsp_id, license_key)
);

CREATE TABLE IF NOT EXISTS keymgr.g2p_key_store (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id text NOT NULL
);

INSERT INTO keymgr.key_policy_def (app_id, key_validity_duration, is_active, pre_expire_days, access_allowed, cr_by, cr_dtimes)
VALUES ('ROOT', 2920, true, 1125, 'NA', 'g2p:server', now()), ('BASE', 730, true, 30, 'NA', 'g2p:server', now())
ON CONFLICT DO NOTHING;
`;

/** Who wrote a row, and when; the server fills them, except in rows of ours. */
function meta(): string {
  return `cr_by varchar(256) NOT NULL,
  cr_dtimes timestamp NOT NULL,
  upd_by varchar(256),
  upd_dtimes timestamp,
  is_deleted boolean DEFAULT false,
  del_dtimes timestamp`;
}

function certificate(): string {
  return `cert_subject text NOT NULL,
  cert_issuer text NOT NULL,
  issuer_id varchar(36) NOT NULL,
  cert_not_before timestamp NOT NULL,
  cert_not_after timestamp NOT NULL,
  cert_data text NOT NULL,
  cert_thumbprint varchar(128),
  cert_serial_no varchar(64)`;
}
