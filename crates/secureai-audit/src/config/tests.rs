use super::*;

fn refused(text: &str) -> String {
    Config::read(text, "config.toml", &Environment::default()).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_the_default() {
    let loaded = Config::read("", "config.toml", &Environment::default()).unwrap();
    assert_eq!(loaded.config.listen.to_string(), "127.0.0.1:8321");
    assert!(loaded.origins.iter().all(|origin| *origin == Origin::Default));
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = refused("listen = \"127.0.0.1:1\"\n\n[ledger]\nqueue_mb = 3\n");
    assert!(error.starts_with("config.toml:4: unknown key `queue_mb`"), "{error}");
    assert!(error.contains("queue_mib"), "{error}");
    let error = refused("[legder]\nqueue_mib = 3\n");
    assert!(error.starts_with("config.toml:1: unknown key `legder`"), "{error}");
}

#[test]
fn a_wrong_value_is_named_with_its_line() {
    let error = refused("[http]\nmax_body_mib = \"big\"\n");
    assert!(error.starts_with("config.toml:2:") && error.contains("max_body_mib"), "{error}");
    let error = refused("listen = \"localhost\"\n");
    assert!(error.starts_with("config.toml:1:") && error.contains("listen"), "{error}");
    assert!(refused("[log]\nlevel = \"a=b=c\"\n").starts_with("log.level:"));
}

#[test]
fn a_variable_wins_over_the_file_and_says_so() {
    let environment = Environment::of(&[
        ("SECUREAI_AUDIT_LISTEN", "0.0.0.0:80"),
        ("SECUREAI_AUDIT_HTTP_PUBLIC_TLOG", "true"),
        ("SECUREAI_AUDIT_LISTN", "0.0.0.0:81"),
    ]);
    let loaded =
        Config::read("listen = \"127.0.0.1:1\"\n[index]\ncache_mib = 64", "c", &environment).unwrap();
    assert_eq!(loaded.config.listen.port(), 80);
    assert!(loaded.config.http.public_tlog);
    assert_eq!(loaded.unknown_variables, ["SECUREAI_AUDIT_LISTN"]);
    let origin = |path: &str| {
        let at = SETTINGS.iter().position(|setting| setting.path == path).unwrap();
        loaded.origins[at].clone()
    };
    assert_eq!(origin("listen"), Origin::Variable("SECUREAI_AUDIT_LISTEN".to_owned()));
    assert_eq!(origin("index.cache_mib"), Origin::File { line: 3 });
}

#[test]
fn a_bad_variable_is_named() {
    let environment = Environment::of(&[("SECUREAI_AUDIT_INDEX_CACHE_MIB", "lots")]);
    let error = Config::read("", "c", &environment).unwrap_err().to_string();
    assert_eq!(error, "SECUREAI_AUDIT_INDEX_CACHE_MIB: `lots` is not a whole number");
    let environment = Environment::of(&[("SECUREAI_AUDIT_INDEX_CACHE_MIB", "-3")]);
    let error = Config::read("", "c", &environment).unwrap_err().to_string();
    assert!(error.starts_with("SECUREAI_AUDIT_INDEX_CACHE_MIB: "), "{error}");
}

#[test]
fn secrets_come_from_files_and_are_never_printed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "PRIVATE+KEY+x\n").unwrap();
    let environment = Environment::of(&[("SECUREAI_AUDIT_KEYS_SIGNING_KEY_FILE", path.to_str().unwrap())]);
    let loaded = Config::read("", "c", &environment).unwrap();
    assert_eq!(loaded.config.keys.signing_key.as_ref().unwrap().reveal(), "PRIVATE+KEY+x");
    assert!(!format!("{:?}", loaded.config).contains("PRIVATE+KEY+x"));
    assert!(!toml::to_string(&loaded.config).unwrap().contains("PRIVATE+KEY+x"));
}

#[test]
fn the_table_of_settings_is_complete() {
    let mut config = Config::default();
    config.keys.origin = Some("example.com/audit".to_owned());
    let all = toml::Table::try_from(&config).unwrap();
    let optional = [
        "keys.signing_key",
        "tls.certificate_file",
        "tls.key_file",
        "tls.client_ca_file",
        "oidc.issuer",
        "oidc.client_id",
        "oidc.client_secret",
        "oidc.department_claim",
        "oidc.public_url",
        "oidc.ca_file",
        "gateway.upstream",
        "gateway.upstream_ca_file",
        "gateway.routes_file",
        "gateway.department_file",
        "gateway.department_claim",
        "sources.audit_file",
        "models.listen",
        "models.secret",
        "models.user_jwt_secret",
        "models.prices_file",
    ];
    let mut leaves = 0;
    for (name, value) in &all {
        leaves += value.as_table().map_or(1, toml::Table::len);
        assert!(SETTINGS.iter().any(|setting| setting.path.split('.').next() == Some(name)), "{name}");
    }
    for setting in SETTINGS {
        let known = setting.value_in(&all).is_some() || optional.contains(&setting.path);
        assert!(known, "{} is in the table but not in the configuration", setting.path);
    }
    assert_eq!(leaves + optional.len(), SETTINGS.len());
}
