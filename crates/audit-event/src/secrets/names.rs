//! Which names say that a secret stands beside them.

/// Whether a value of this name is a secret: `password`, `apiKey`, `X-Auth-Token`, `smtp.bind_password`, but
/// not `password_changed_at`, `JWT_EXPIRES_IN` or `input_tokens`. Names are read as words, whatever joins them.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let words = Words::new(name);
    let Some(last) = words.last() else { return false };
    let is_about_a_secret = words.has_secret_word() || words.has_secret_pair();
    is_about_a_secret && !QUALIFIERS.contains(&last)
}

/// Words that are secrets by themselves.
#[rustfmt::skip]
const SECRET_WORDS: &[&str] = &[
    "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "token",
    "apikey", "apikeys", "authorization", "cookie", "cookies", "credential", "credentials", "creds", "jwt",
    "bearer", "otp", "totp", "cvv", "cvc", "cvv2", "accesskey", "privatekey", "secretkey", "authtoken",
    "accesstoken", "refreshtoken", "jsessionid", "phpsessid", "sessionid", "csrftoken", "xsrf", "sshkey",
    "webhooksecret", "accountkey", "sharedaccesskey", "passwordhash", "clientsecret", "userpassword",
    "dbpassword", "pgpassword",
];

/// Two words that are a secret together.
#[rustfmt::skip]
const SECRET_PAIRS: &[(&str, &str)] = &[
    ("api", "key"), ("api", "keys"), ("access", "key"), ("private", "key"), ("secret", "key"),
    ("account", "key"), ("signing", "key"), ("encryption", "key"), ("master", "key"), ("ssh", "key"),
    ("license", "key"), ("storage", "key"), ("subscription", "key"), ("auth", "key"), ("access", "tokens"),
    ("api", "tokens"), ("refresh", "tokens"), ("auth", "tokens"), ("recovery", "codes"),
    ("recovery", "code"), ("backup", "codes"), ("mfa", "code"), ("card", "number"), ("pass", "phrase"),
    ("session", "key"), ("session", "cookie"),
];

/// Last words that say it is about a secret rather than one.
#[rustfmt::skip]
const QUALIFIERS: &[&str] = &[
    "at", "by", "count", "counts", "created", "updated", "changed", "expires", "expiry", "expiration",
    "expired", "in", "enabled", "disabled", "required", "exists", "set", "status", "state", "type", "kind",
    "name", "names", "label", "id", "ids", "uuid", "policy", "length", "len", "limit", "limits", "max",
    "min", "usage", "used", "budget", "hint", "strength", "score", "age", "days", "url", "uri", "endpoint",
    "path", "file", "field", "header", "prefix", "issuer", "audience", "scope", "scopes", "role", "ttl",
    "seconds", "ms", "rotation", "version", "provider", "method", "consent", "reset", "attempts",
    "failures", "failed", "window", "rate", "price", "cost", "total", "endpoints", "restrictions",
    "permission", "permissions", "allowed", "present", "removed", "revoked", "format",
];

/// The lower-case words of a name, split at whatever is no letter or digit and before capitals.
struct Words {
    text: String,
    ends: Vec<usize>,
}

impl Words {
    fn new(name: &str) -> Words {
        let mut words = Words { text: String::with_capacity(name.len()), ends: Vec::new() };
        let mut previous = ' ';
        let mut characters = name.chars().peekable();
        while let Some(character) = characters.next() {
            let starts_camel_word = character.is_ascii_uppercase()
                && (previous.is_ascii_lowercase()
                    || previous.is_ascii_digit()
                    || (previous.is_ascii_uppercase()
                        && characters.peek().is_some_and(char::is_ascii_lowercase)));
            if !character.is_ascii_alphanumeric() || starts_camel_word {
                words.end_word();
            }
            if character.is_ascii_alphanumeric() {
                words.text.push(character.to_ascii_lowercase());
            }
            previous = character;
        }
        words.end_word();
        words
    }

    fn end_word(&mut self) {
        if self.text.len() > self.ends.last().copied().unwrap_or(0) {
            self.ends.push(self.text.len());
        }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }

    fn last(&self) -> Option<&str> {
        self.iter().last()
    }

    fn has_secret_word(&self) -> bool {
        self.iter().any(|word| SECRET_WORDS.contains(&word))
    }

    fn has_secret_pair(&self) -> bool {
        self.iter().zip(self.iter().skip(1)).any(|pair| SECRET_PAIRS.contains(&pair))
    }
}

#[cfg(test)]
mod tests {
    use super::is_secret_name;

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "Password",
            "PASSWORD",
            "user_password",
            "bindPassword",
            "LDAP_APP_PASSWORD",
            "passwd",
            "pwd",
            "api_key",
            "apiKey",
            "API_KEY",
            "X-Api-Key",
            "apikey",
            "OPENAI_API_KEYS",
            "secret",
            "clientSecret",
            "client_secret",
            "token",
            "access_token",
            "refreshToken",
            "XSRF-TOKEN",
            "auth.token",
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "set-cookie",
            "credentials",
            "private_key",
            "privateKey",
            "jwt",
            "aws_secret_access_key",
            "AccountKey",
            "webui_secret_key",
            "otp",
            "recovery_codes",
            "cvv",
            "SSHKey",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn names_about_secrets_and_others() {
        for name in [
            "",
            "key",
            "name",
            "part",
            "token_count",
            "input_tokens",
            "max_tokens",
            "total_tokens",
            "token_type",
            "password_changed_at",
            "password_policy",
            "passwordLength",
            "api_key_id",
            "secret_name",
            "cookie_consent",
            "session_id",
            "keyboard",
            "monkey",
            "author",
            "authored_by",
            "bypass",
            "compass",
            "secretary",
            "tokenizer",
            "passenger_airbag",
            "keyless_entry",
            "ignition_key",
            "token_usage",
            "has_password_reset",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
