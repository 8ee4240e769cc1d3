//! Control data in SQLite: tokens and roles.
