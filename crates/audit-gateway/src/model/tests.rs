//! The model gateway between a client and a stub provider, over real connections.

mod calls;
mod faults;
mod provider;
mod recorded;
mod streams;
mod who;
mod world;
