//! Secret removal.
