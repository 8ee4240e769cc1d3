//! Who the caller is, asked of Open WebUI and remembered briefly.
