//! Who calls: bearer tokens, checked against the directory in memory.

use std::collections::HashMap;
use std::sync::Arc;

use audit_control::{Caller, Control, Denial, Digest, Directory, digest_presented};
use audit_event::Timestamp;
use http::HeaderValue;
use parking_lot::{Mutex, RwLock};

use crate::problem::{Code, Problem, Result};

/// The tokens, and when each was last used.
///
/// No request reads or writes the database: the directory is rebuilt when this process makes or revokes a token, and
/// last uses gather in memory until [`Access::save_uses`] is called.
pub(crate) struct Access {
    control: Arc<Control>,
    directory: RwLock<Arc<Directory>>,
    uses: Mutex<HashMap<String, Timestamp>>,
}

impl Access {
    /// Loads the tokens.
    ///
    /// # Errors
    /// When the control database cannot be read.
    pub fn load(control: Arc<Control>) -> audit_control::Result<Self> {
        let access = Self { control, directory: RwLock::default(), uses: Mutex::default() };
        access.reload()?;
        Ok(access)
    }

    /// Takes up a change: what was revoked is refused from now on.
    ///
    /// # Errors
    /// When the control database cannot be read; the directory is as before.
    pub fn reload(&self) -> audit_control::Result<()> {
        // Read under the lock: of two changes at once, the later state must not be overwritten by the earlier one.
        let mut directory = self.directory.write();
        *directory = Arc::new(Directory::new(&self.control.tokens()?, &self.control.roles()?));
        Ok(())
    }

    /// The control database.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Whom the request's `Authorization` header stands for.
    ///
    /// # Errors
    /// [`Code::MissingToken`], [`Code::InvalidToken`] or [`Code::ExpiredToken`], each with its challenge.
    pub fn authenticate(&self, authorization: Option<&HeaderValue>, now: Timestamp) -> Result<Arc<Caller>> {
        let presented = bearer(authorization)?;
        let caller = self.directory.read().authenticate(presented, now).map_err(denied)?;
        self.note_use(&caller.id, now);
        Ok(caller)
    }

    /// Whom a token that somebody signs in with stands for, and the digest of its secret.
    ///
    /// # Errors
    /// [`Code::InvalidToken`] or [`Code::ExpiredToken`].
    pub fn present(&self, token: &str, now: Timestamp) -> Result<(Arc<Caller>, Digest)> {
        let token = token.trim();
        let caller = self.directory.read().authenticate(token, now).map_err(denied)?;
        let digest = digest_presented(token).map_err(|error| denied(error.into()))?;
        self.note_use(&caller.id, now);
        Ok((caller, digest))
    }

    /// Whom the secret of this digest stands for, for those who signed in with it.
    ///
    /// # Errors
    /// As [`Access::present`].
    pub fn by_digest(&self, digest: &Digest, now: Timestamp) -> Result<Arc<Caller>> {
        self.directory.read().by_digest(digest, now).map_err(denied)
    }

    /// Whom the token of this id stands for.
    ///
    /// # Errors
    /// As [`Access::present`].
    pub fn by_id(&self, id: &str, now: Timestamp) -> Result<Arc<Caller>> {
        self.directory.read().by_id(id, now).map_err(denied)
    }

    /// Somebody without a token who holds the role of this name, built-in or not, as it is now; `None` when there is no
    /// such role.
    pub fn with_role(&self, id: &str, name: &str, role: &str) -> Option<Caller> {
        let rights = self.directory.read().rights(role)?;
        Some(Caller::with_rights(id, name, role, rights))
    }

    fn note_use(&self, id: &str, now: Timestamp) {
        let mut uses = self.uses.lock();
        match uses.get_mut(id) {
            Some(last) => *last = now,
            None => {
                uses.insert(id.to_owned(), now);
            }
        }
    }

    /// Writes the last uses that have gathered. Called every few minutes and at the end; what cannot be written is
    /// dropped, since the next use says the same.
    pub fn save_uses(&self) {
        let uses: Vec<_> = self.uses.lock().drain().collect();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.control.note_use(&uses) {
            tracing::warn!(error.message = %error, "when tokens were last used could not be saved");
        }
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750; the scheme's letter case does not matter).
fn bearer(authorization: Option<&HeaderValue>) -> Result<&str> {
    let Some(value) = authorization else {
        return Err(Problem::new(
            Code::MissingToken,
            "send the header \"Authorization: Bearer TOKEN\"; `secureai-audit token create` makes tokens",
        )
        .challenge(None));
    };
    let credentials = value.to_str().ok().and_then(|text| text.split_once(' '));
    match credentials {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::new(
            Code::InvalidToken,
            "the Authorization header must read \"Bearer TOKEN\"; other schemes are not known",
        )
        .challenge(Some("invalid_token"))),
    }
}

fn denied(denial: Denial) -> Problem {
    let code = match denial {
        Denial::Expired => Code::ExpiredToken,
        Denial::Malformed(_) | Denial::Unknown => Code::InvalidToken,
    };
    Problem::new(code, denial.to_string()).challenge(Some("invalid_token"))
}
