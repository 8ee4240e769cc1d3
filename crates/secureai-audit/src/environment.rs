//! The process's environment: the one place that reads it.

use std::collections::BTreeMap;

/// What every variable of ours begins with.
pub(crate) const PREFIX: &str = "SECUREAI_AUDIT_";

/// Our variables, taken once at the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Takes every `SECUREAI_AUDIT_…` variable, and what names the person at the keyboard.
    #[expect(clippy::disallowed_methods, reason = "the binary's one look at the environment")]
    pub(crate) fn capture() -> Self {
        let ours = |name: &str| name.starts_with(PREFIX) || matches!(name, "USER" | "LOGNAME" | "SUDO_USER");
        let mut captured = Self { variables: std::env::vars().filter(|(name, _)| ours(name)).collect() };
        if captured.login_name().is_none() {
            let user = format!("uid {}", rustix::process::getuid().as_raw());
            captured.variables.insert("USER".to_owned(), user);
        }
        captured
    }

    /// An environment with just these variables.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { variables: variables.iter().map(pair).collect() }
    }

    /// The variable's value, if it is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Sets a variable unless it is set.
    pub(crate) fn set_default(&mut self, name: &str, value: &str) {
        self.variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// The names of our variables that are set.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str).filter(|name| name.starts_with(PREFIX))
    }

    /// The login name of whoever runs this, for the record.
    pub(crate) fn login_name(&self) -> Option<&str> {
        ["SUDO_USER", "LOGNAME", "USER"].iter().find_map(|name| self.get(name))
    }
}
