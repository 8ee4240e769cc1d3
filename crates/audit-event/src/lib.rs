//! Audit events: model, canonical form, commitment.
