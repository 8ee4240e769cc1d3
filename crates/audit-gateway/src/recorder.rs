//! Strict and asynchronous recording, and the journal of intents.
