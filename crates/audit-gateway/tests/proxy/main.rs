//! The proxy as clients and Open WebUI see it: over real sockets, byte by byte, with a stub in Open WebUI's place.

#![expect(clippy::unwrap_used, reason = "in what tests share, a panic is the report")]

mod changes;
mod hostile;
mod http2;
mod links;
mod passing;
mod recording;
mod replay;
mod sockets;
mod stub;
mod world;
