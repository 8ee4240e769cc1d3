//! Control data: who may call the API.
//!
//! One SQLite file, `control.db`, holds the access tokens: their names, roles, expiry and the SHA-256 of each
//! token's text. The text itself is shown once, when the token is made, and is stored nowhere.
//! The secrets of sources that send us events are kept likewise; of the break-glass password there is an Argon2id hash.
//! Beside them lie the list of exports that run in the background, and what people keep for themselves and each other:
//! saved views, and requests that a second admin has to approve.
//!
//! The crate is synchronous and reads no clock: the caller says what time it is. One process opens the file (the
//! data directory's lock sees to that); within it, [`Control`] may be shared between threads. It is not meant to be
//! asked on every request: [`Control::tokens`] gives the web layer what it needs to keep an [`access::Directory`] in
//! memory.

pub mod access;
mod approvals;
mod break_glass;
mod error;
mod exports;
mod hands;
mod permission;
mod remembered;
mod roles;
mod schema;
mod secret;
mod sources;
mod step;
mod store;
mod verifications;
mod views;

pub use access::{Caller, Denial, Directory, Role, Token};
pub use approvals::{Approval, ApprovalState, Asked, Decision, Party};
pub use break_glass::{BreakGlass, PASSWORD_CHARS};
pub use error::{Error, Result};
pub use exports::{Export, ExportEnd, ExportState};
pub use permission::{Permission, Permissions};
pub use roles::{CustomRole, RoleRights, RoleView, rights_of};
pub use secret::{Digest, Secret, SecretError, TOKEN_PREFIX, digest_presented};
pub use sources::{FORMER_SECRET_MINUTES, Source, SourceDirectory};
pub use store::{Control, DEFAULT_OVERLAP_HOURS, DEFAULT_TOKEN_DAYS, Expiry, NewToken};
pub use verifications::{
    CHECKPOINTS_KEPT, KeptCheckpoint, VERIFICATIONS_KEPT, Verdicts, Verification, VerificationOutcome,
    VerificationState,
};
pub use views::{MOST_VIEWS, NewView, SavedView, ViewChange};
