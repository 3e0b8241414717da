//! The names that the engine acts on.

pub const NAME: &str = "access-control.name";
pub const USER_ADMIN: &str = "immuta.user.admin";
pub const GROUP_ADMIN: &str = "immuta.group.admin";
pub const ALLOW_MATCH_ALL_ADMIN: &str = "immuta.impersonation.allow-match-all-admin";
pub const ENABLED: &str = "immuta.impersonation.enabled";
/// Names the policy file.
pub const POLICY_FILE: &str = "immuta.impersonation.policy-file";
pub const POLICY_FILE_REFRESH: &str = "immuta.impersonation.policy-file.refresh";
pub const POLICY_FILE_MAX_STALE: &str = "immuta.impersonation.policy-file.max-stale";
pub const UNKNOWN_TARGETS: &str = "immuta.impersonation.unknown-targets";
pub const PROTECT_ADMINS: &str = "immuta.impersonation.protect-admins";
pub const ALLOW_CHAINED: &str = "immuta.impersonation.allow-chained";
pub const CASE_INSENSITIVE: &str = "immuta.impersonation.case-insensitive";
/// Names the audit file; empty means none.
pub const AUDIT_FILE: &str = "immuta.impersonation.audit.file";
pub const AUDIT_ON_FAILURE: &str = "immuta.impersonation.audit.on-failure";
pub const AUDIT_QUERY_TEXT: &str = "immuta.impersonation.audit.query-text";
pub const AUDIT_ROTATE_SIZE: &str = "immuta.impersonation.audit.rotate-size";
pub const AUDIT_ROTATE_DAILY: &str = "immuta.impersonation.audit.rotate-daily";
pub const AUDIT_MAX_HISTORY: &str = "immuta.impersonation.audit.max-history";
pub const AUDIT_MIN_AGE: &str = "immuta.impersonation.audit.min-age";
pub const AUDIT_MAX_REPEATED_REFUSALS: &str = "immuta.impersonation.audit.max-repeated-refusals";
/// Where Immuta is.
pub const ENDPOINT: &str = "immuta.endpoint";
/// The key for Immuta.
pub const APIKEY: &str = "immuta.apikey";
/// Names the file with the key for Immuta.
pub const APIKEY_FILE: &str = "immuta.apikey-file";
/// Names the group file.
pub const GROUP_FILE: &str = "immuta.group-file";
/// Names the user mapping file.
pub const USER_MAPPING_FILE: &str = "immuta.impersonation.user-mapping.file";
/// Names the properties file of the delegate.
pub const DELEGATE_CONFIG_FILE: &str = "immuta.delegate.config-file";
/// Whether the delegate is asked which principal may be which user.
pub const DELEGATE_CHECK_PRINCIPALS: &str = "immuta.delegate.check-principals";
pub const IAM: &str = "immuta.iam";
/// Names the file with the certificates that Immuta's may be signed by.
pub const CA_FILE: &str = "immuta.ca-file";
pub const HTTP_TIMEOUT: &str = "immuta.http.timeout.milliseconds";
pub const ALLOW_HTTP: &str = "immuta.impersonation.allow-http";
pub const CACHE_TTL: &str = "immuta.impersonation.cache.ttl";
pub const CACHE_NEGATIVE_TTL: &str = "immuta.impersonation.cache.negative-ttl";
pub const CACHE_STALE_IF_ERROR: &str = "immuta.impersonation.cache.stale-if-error";
pub const CACHE_MAX_USERS: &str = "immuta.impersonation.cache.max-users";

/// Every name that the engine acts on, and those that only the shim reads.
pub const KNOWN: [&str; 27] = [
    NAME,
    USER_ADMIN,
    GROUP_ADMIN,
    ALLOW_MATCH_ALL_ADMIN,
    ENABLED,
    POLICY_FILE,
    POLICY_FILE_REFRESH,
    POLICY_FILE_MAX_STALE,
    UNKNOWN_TARGETS,
    PROTECT_ADMINS,
    ALLOW_CHAINED,
    CASE_INSENSITIVE,
    AUDIT_FILE,
    AUDIT_ON_FAILURE,
    AUDIT_QUERY_TEXT,
    AUDIT_ROTATE_SIZE,
    AUDIT_ROTATE_DAILY,
    AUDIT_MAX_HISTORY,
    AUDIT_MIN_AGE,
    AUDIT_MAX_REPEATED_REFUSALS,
    ENDPOINT,
    APIKEY,
    APIKEY_FILE,
    GROUP_FILE,
    USER_MAPPING_FILE,
    DELEGATE_CONFIG_FILE,
    DELEGATE_CHECK_PRINCIPALS,
];

/// About asking Immuta and remembering the answer; without an endpoint nothing of it has an effect.
pub const ENDPOINT_ONLY: [&str; 8] = [
    IAM,
    CA_FILE,
    HTTP_TIMEOUT,
    ALLOW_HTTP,
    CACHE_MAX_USERS,
    CACHE_NEGATIVE_TTL,
    CACHE_STALE_IF_ERROR,
    CACHE_TTL,
];

/// Of the product's own plugin, about data policies.
pub const DATA_POLICY: [&str; 7] = [
    "immuta.allowed.immuta.datasource.operations",
    "immuta.allowed.non.immuta.datasource.operations",
    "immuta.audit.legacy.enabled",
    "immuta.audit.uam.enabled",
    "immuta.cache.datasource.seconds",
    "immuta.cache.views.seconds",
    "immuta.filter.unallowed.table.metadata",
];
