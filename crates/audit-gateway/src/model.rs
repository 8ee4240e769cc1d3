//! The pass-through to OpenAI-compatible providers that counts tokens.
