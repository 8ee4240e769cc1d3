//! What bounds whoever gives others a secret: theirs may be used from nowhere else, and no longer, than their giver's.

use audit_control::{Expiry, Permission};
use audit_event::Timestamp;
use ipnet::IpNet;

use super::acts::Wish;
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::sign_ins::EMERGENCY_ID;
use crate::state::AppState;

/// From where, and until when, somebody's credential may be used.
#[derive(Debug, Default)]
pub(crate) struct Fence {
    /// Empty: from anywhere.
    networks: Vec<IpNet>,
    /// None: for ever, or for as long as they are what they are.
    expires: Option<Timestamp>,
}

impl Fence {
    /// The reader's.
    ///
    /// # Errors
    /// [`crate::problem::Code::PermissionRequired`] for whoever came with the emergency password: that is for an hour, and what
    /// they gave would last.
    pub fn of(state: &AppState, reader: &Reader) -> Result<Self> {
        check_lasting(reader)?;
        let tokens = state.access().control().tokens()?;
        let own = tokens.into_iter().find(|token| token.id == reader.caller().id);
        Ok(own.map_or_else(Self::default, |token| Self { networks: token.networks, expires: token.expires }))
    }

    /// Whether there is none.
    pub fn is_open(&self) -> bool {
        self.networks.is_empty() && self.expires.is_none()
    }

    /// From where and until when the wished-for token is to be good: what is not said is as with whoever makes it.
    ///
    /// # Errors
    /// That it would reach beyond the fence, or be born expired.
    pub fn narrowed(&self, wish: &Wish, now: Timestamp) -> Result<(Expiry, Vec<IpNet>)> {
        let networks = if wish.networks.is_empty() { &self.networks } else { &wish.networks };
        let mut expires = wish.expiry.at(now)?;
        if wish.expiry == Expiry::Default {
            expires = expires.min(self.expires.or(expires));
        }
        self.check(networks, expires)?;
        Ok((expires.map_or(Expiry::Never, Expiry::At), networks.clone()))
    }

    /// That a token with these networks and this end lies within.
    ///
    /// # Errors
    /// [`crate::problem::Code::PermissionRequired`].
    pub fn check(&self, networks: &[IpNet], expires: Option<Timestamp>) -> Result<()> {
        let is_inside = |network: &IpNet| self.networks.iter().any(|own| own.contains(network));
        if !self.networks.is_empty() && (networks.is_empty() || !networks.iter().all(is_inside)) {
            let own: Vec<_> = self.networks.iter().map(IpNet::to_string).collect();
            return Err(beyond(&format!("from elsewhere than yours: {}", own.join(", "))));
        }
        match self.expires {
            Some(own) if expires.is_none_or(|expires| expires > own) => {
                Err(beyond(&format!("for longer than yours, which expires at {own}")))
            }
            _ => Ok(()),
        }
    }
}

/// That what the reader gives others may outlast their own session.
///
/// # Errors
/// [`crate::problem::Code::PermissionRequired`] for whoever came with the emergency password.
pub(crate) fn check_lasting(reader: &Reader) -> Result<()> {
    if reader.caller().id != EMERGENCY_ID {
        return Ok(());
    }
    let detail = "emergency access gives nothing that would outlast it: no token, no secret, no role. Make them at the \
                  machine (secureai-audit token create)";
    Err(Problem::lacking(Permission::TokensManage, detail))
}

fn beyond(how: &str) -> Problem {
    let detail = format!("you cannot give a secret that may be used {how}");
    Problem::lacking(Permission::TokensManage, detail)
}
