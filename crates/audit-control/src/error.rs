//! What can go wrong with the control database, by what the caller can do about it.

/// An operation's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the control database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fix the input: a live token already has this name.
    #[error("a token named {name:?} exists already; revoke it first or choose another name")]
    NameTaken {
        /// The name asked for.
        name: String,
    },
    /// Fix the input: the name cannot be used.
    #[error(
        "a token's name has 1 to 64 characters: letters, digits and . _ - (starting with a letter or digit); {name:?} does not fit"
    )]
    BadName {
        /// The name asked for.
        name: String,
    },
    /// Fix the input: the name cannot be used.
    #[error(
        "a source's name has 1 to 64 characters: letters, digits and . _ - (starting with a letter or digit); {name:?} does not fit"
    )]
    BadSourceName {
        /// The name asked for.
        name: String,
    },
    /// There is no source of this name.
    #[error("there is no source named {name:?}; list the sources to see which exist")]
    NoSuchSource {
        /// The name asked for.
        name: String,
    },
    /// Fix the input: no such role.
    #[error("there is no role {role:?}; admin, auditor, viewer, ingest and those you made are the roles")]
    UnknownRole {
        /// The role asked for.
        role: String,
    },
    /// Fix the input: no such permission.
    #[error("unknown permission {permission:?}; docs/ACCESS.md lists them")]
    UnknownPermission {
        /// The permission asked for.
        permission: String,
    },
    /// Fix the input: the role sees only what its bearer's scope shows.
    #[error("the role viewer needs a scope: a filter such as department:\"Inside Sales\"")]
    ScopeNeeded,
    /// Fix the input: the role's name cannot be used.
    #[error(
        "a role's name has 1 to 64 characters: letters, digits and . _ - (starting with a letter or digit); {name:?} does not fit"
    )]
    BadRoleName {
        /// The name asked for.
        name: String,
    },
    /// Fix the input: the role's rights, or a token's, make no sense; says why.
    #[error("{0}")]
    BadRights(&'static str),
    /// There is no role of this name that can be changed.
    #[error("there is no role named {name:?}; list the roles to see which exist")]
    NoSuchRole {
        /// The name asked for.
        name: String,
    },
    /// Choose another name, or change the role that has it.
    #[error("a role named {name:?} exists already")]
    RoleExists {
        /// The name asked for.
        name: String,
    },
    /// The role is there from the beginning.
    #[error("{name} is a built-in role and stays as it is; make a role of your own")]
    RoleBuiltIn {
        /// Its name.
        name: String,
    },
    /// Revoke the tokens first.
    #[error("the role {name:?} has {tokens} live tokens; revoke them first")]
    RoleInUse {
        /// Its name.
        name: String,
        /// How many tokens have it.
        tokens: u32,
    },
    /// Make another admin token first.
    #[error("{name:?} is the last token that may manage tokens and roles; make another one first")]
    LastAdmin {
        /// Its name.
        name: String,
    },
    /// Fix the input: the token would be born expired.
    #[error("the expiry lies in the past")]
    ExpiryInPast,
    /// Fix the input: the password is too easy to guess, or too long to be hashed.
    #[error("a break-glass password has 15 to 1,000 characters")]
    BadPassword,
    /// There is no live token of this name or id.
    #[error("there is no live token named {name:?}; list the tokens to see which exist")]
    NoSuchToken {
        /// The name or id asked for.
        name: String,
    },
    /// Fix the input: a view cannot be called or ask this.
    #[error("a view {problem}")]
    BadView {
        /// What is wrong with it, to be read after "a view".
        problem: &'static str,
    },
    /// Fix the input: the owner has a view of this name.
    #[error("you have a view named {name:?} already; choose another name or change that one")]
    ViewNameTaken {
        /// The name asked for.
        name: String,
    },
    /// Delete a view first.
    #[error("{most} views are the most one can keep; delete one that is no longer needed")]
    TooManyViews {
        /// How many one may have.
        most: u32,
    },
    /// There is no view of this id.
    #[error("there is no view {id:?}; list the views to see which exist")]
    NoSuchView {
        /// The id asked for.
        id: String,
    },
    /// There is no request of this id.
    #[error("there is no request {id:?} for an approval; list the approvals to see which exist")]
    NoSuchApproval {
        /// The id asked for.
        id: String,
    },
    /// The request cannot be decided any more.
    #[error("the request was {state} already")]
    ApprovalOver {
        /// What became of it.
        state: crate::ApprovalState,
    },
    /// Four eyes are two people: somebody else has to decide.
    #[error("nobody approves or refuses their own request; another admin has to")]
    OwnRequest,
    /// A request is taken back by nobody but its author.
    #[error("only who asked can withdraw the request; refuse it instead")]
    NotTheRequester,
    /// Use a newer program: the file was written by one.
    #[error(
        "{path} has schema version {found}, this program knows versions up to {known}; use the newer program that wrote it"
    )]
    NewerSchema {
        /// The database file.
        path: String,
        /// The version in the file.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// Call an operator: the operating system gave no random bytes.
    #[error("the system's random number generator failed: {0}")]
    Randomness(getrandom::Error),
    /// Call an operator: the file cannot be created or its permissions cannot be set.
    #[error("{path}: {source}")]
    Io {
        /// The database file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Call an operator: SQLite refused.
    #[error("control database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}
