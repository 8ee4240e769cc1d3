//! Secrets that their own shape gives away.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use super::named::is_innocent;

/// `-----BEGIN … PRIVATE KEY-----` to the end of the block, or of the text when it was cut.
pub(super) fn private_keys(text: &str, found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(begin) = text[from..].find("-----BEGIN ").map(|at| from + at) {
        let label_end = text[begin + 11..].find("-----").map_or(text.len(), |at| begin + 11 + at);
        from = label_end;
        if text[begin..label_end].contains("PRIVATE KEY") {
            let end = text[label_end..].find("-----END ").map(|at| label_end + at + 9);
            let end = end.and_then(|end| text[end..].find("-----").map(|at| end + at + 5));
            from = end.unwrap_or(text.len());
            found.push(begin..from);
        }
    }
}

/// How a token that a well-known issuer makes begins.
pub(super) struct TokenPrefix {
    pub text: &'static str,
    /// How many characters follow at least.
    min_len: usize,
}

const fn prefix(text: &'static str, min_len: usize) -> TokenPrefix {
    TokenPrefix { text, min_len }
}

/// Case matters; see each issuer's documentation.
#[rustfmt::skip]
pub(super) const TOKEN_PREFIXES: &[TokenPrefix] = &[
    prefix("saa_", 16),           // this product
    prefix("sk-", 16),            // OpenAI, Anthropic, OpenRouter, Open WebUI
    prefix("sk_live_", 16), prefix("sk_test_", 16), prefix("rk_live_", 16), prefix("rk_test_", 16), prefix("whsec_", 16), // Stripe
    prefix("ghp_", 30), prefix("gho_", 30), prefix("ghu_", 30), prefix("ghs_", 30), prefix("ghr_", 30), prefix("github_pat_", 30),
    prefix("glpat-", 20), prefix("gldt-", 20), prefix("glrt-", 20), prefix("glptt-", 20), // GitLab
    prefix("xoxb-", 16), prefix("xoxp-", 16), prefix("xoxa-", 16), prefix("xoxr-", 16), prefix("xoxs-", 16), prefix("xoxe", 16), prefix("xapp-", 16),
    prefix("AKIA", 16), prefix("ASIA", 16), // AWS
    prefix("AIza", 30), prefix("ya29.", 20), prefix("GOCSPX-", 20), // Google
    prefix("hf_", 20), prefix("gsk_", 30), prefix("r8_", 30), prefix("pplx-", 30), prefix("xai-", 30), prefix("nvapi-", 30), prefix("tvly-", 16),
    prefix("SG.", 30),            // SendGrid
    prefix("npm_", 30), prefix("pypi-", 30), prefix("dckr_pat_", 20),
    prefix("dop_v1_", 40), prefix("shpat_", 30), prefix("shpss_", 30), prefix("sq0atp-", 20), prefix("sq0csp-", 30),
    prefix("glsa_", 30), prefix("hvs.", 20), prefix("lin_api_", 30), prefix("ntn_", 30), prefix("figd_", 20), prefix("PMAK-", 30),
    prefix("sbp_", 30), prefix("tskey-", 16), prefix("dp.pt.", 30), prefix("ATATT3", 30), prefix("sntrys_", 30), prefix("AGE-SECRET-KEY-1", 30),
    prefix("hooks.slack.com/services/", 16), prefix("discord.com/api/webhooks/", 30), prefix("discordapp.com/api/webhooks/", 30), // Slack, Discord
];

static TOKEN_STARTS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant list, built by every test")]
    AhoCorasick::new(TOKEN_PREFIXES.iter().map(|prefix| prefix.text)).expect("few short literals")
});

pub(super) fn issued(text: &str, found: &mut Vec<Range<usize>>) {
    for start in TOKEN_STARTS.find_overlapping_iter(text) {
        let prefix = &TOKEN_PREFIXES[start.pattern().as_usize()];
        let body = run_len(&text[start.end()..], |b| {
            is_token_byte(b) || b == b'.' || (prefix.text.contains('/') && b == b'/')
        });
        let body_text = &text[start.end()..start.end() + body];
        let starts_word = !ends_in_alphanumeric(&text[..start.start()]);
        if starts_word && body >= prefix.min_len && looks_random(body_text) {
            found.push(start.start()..start.end() + body_text.trim_end_matches('.').len());
        }
    }
}

/// Whether a token's body has the long unbroken runs of random characters: `sk-brake-rotor-2024` has not.
fn looks_random(body: &str) -> bool {
    const LONG_RUN: usize = 10;
    let longest = body.split(|c: char| !c.is_ascii_alphanumeric()).map(str::len).max().unwrap_or(0);
    longest >= LONG_RUN && body.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

/// `eyJ….….…`: base64url of `{"`, a dot, and more.
pub(super) fn json_web_tokens(text: &str, found: &mut Vec<Range<usize>>) {
    for start in memmem::find_iter(text.as_bytes(), "eyJ") {
        let len = run_len(&text[start..], |b| is_token_byte(b) || b == b'.');
        let token = text[start..start + len].trim_end_matches('.');
        let mut parts = token.split('.');
        let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if header.len() >= 12 && payload.len() >= 4 && !ends_in_alphanumeric(&text[..start]) {
            found.push(start..start + token.len());
        }
    }
}

/// `Bearer …` and `Basic …` anywhere.
pub(super) fn authorization_schemes(text: &str, found: &mut Vec<Range<usize>>) {
    for (at, _) in text.match_indices([' ', '+', '%']) {
        let scheme = &text[..at];
        let token_start = at
            + run_len(&text[at..], |b| matches!(b, b' ' | b'+')).max(if text[at..].starts_with("%20") {
                3
            } else {
                1
            });
        let Some(after) = text.get(token_start..) else { continue };
        let len = run_len(after, |b| is_token_byte(b) || matches!(b, b'.' | b'~' | b'+' | b'/' | b'='));
        let token = &after[..len];
        let is_secret = if ends_with_word(scheme, "bearer") {
            len >= 8 && has_digit_and_letter(token) && (len >= 16 || !token.contains('-'))
        } else {
            ends_with_word(scheme, "basic") && len >= 8 && decodes_to_user_and_password(token)
        };
        if is_secret {
            found.push(token_start..token_start + len);
        }
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let Some(start) = text.len().checked_sub(word.len()) else { return false };
    let bytes = text.as_bytes();
    bytes[start..].eq_ignore_ascii_case(word.as_bytes())
        && (start == 0 || !bytes[start - 1].is_ascii_alphanumeric())
}

/// Whether it is base64 of printable text with a colon.
fn decodes_to_user_and_password(token: &str) -> bool {
    let (mut bits, mut held, mut has_colon) = (0u32, 0, false);
    for byte in token.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            let decoded = bits >> held & 0xFF;
            has_colon |= decoded == u32::from(b':');
            if decoded < 0x20 {
                return false;
            }
        }
    }
    has_colon
}

/// `scheme://user:password@host` and `scheme://token@host`.
pub(super) fn url_passwords(text: &str, found: &mut Vec<Range<usize>>) {
    for at in memmem::find_iter(text.as_bytes(), "://") {
        let start = at + 3;
        let ends = |c: char| {
            c.is_whitespace()
                || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\' | ',' | ';' | ')')
        };
        let end = text[start..].find(ends).map_or(text.len(), |at| start + at);
        let Some(user_end) = text[start..end].rfind('@').map(|at| start + at) else { continue };
        let user = &text[start..user_end];
        match user.find(':') {
            Some(colon) if colon + 1 < user.len() && !is_innocent(&user[colon + 1..]) => {
                found.push(start + colon + 1..user_end);
            }
            None if user.len() >= 16 && has_digit_and_letter(user) => found.push(start..user_end),
            _ => {}
        }
    }
}

/// Telegram's `123456789:AA…`, 35 characters after the colon.
pub(super) fn bot_tokens(text: &str, found: &mut Vec<Range<usize>>) {
    for at in memmem::find_iter(text.as_bytes(), ":AA") {
        let digits = text[..at].bytes().rev().take_while(u8::is_ascii_digit).count();
        let len = run_len(&text[at + 1..], is_token_byte);
        if (8..=10).contains(&digits) && len >= 30 {
            found.push(at + 1..at + 1 + len);
        }
    }
}

pub(super) fn run_len(text: &str, is_in: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|&b| is_in(b)).count()
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn ends_in_alphanumeric(text: &str) -> bool {
    text.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric)
}

fn has_digit_and_letter(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic())
}
