//! Where secrets stand in a text, told by their shape or by what stands beside them.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::{memchr2_iter, memmem};

use super::names::is_secret_name;

/// What replaces a secret.
pub(super) const REMOVED: &str = "[removed]";

/// The secrets in a text, as byte ranges in order that do not overlap.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    private_keys(text, &mut found);
    issued_tokens(text, &mut found);
    json_web_tokens(text, &mut found);
    authorization_schemes(text, &mut found);
    named_values(text, &mut found);
    url_passwords(text, &mut found);
    bot_tokens(text, &mut found);
    card_numbers(text, &mut found);
    merge(found)
}

fn merge(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// `-----BEGIN … PRIVATE KEY-----` to the end of the block, or of the text when it was cut.
fn private_keys(text: &str, found: &mut Vec<Range<usize>>) {
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
    prefix("hooks.slack.com/services/", 16), prefix("webhooks/", 30), // Slack, Discord
];

static TOKEN_STARTS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant list, built by every test")]
    AhoCorasick::new(TOKEN_PREFIXES.iter().map(|prefix| prefix.text)).expect("few short literals")
});

fn issued_tokens(text: &str, found: &mut Vec<Range<usize>>) {
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
fn json_web_tokens(text: &str, found: &mut Vec<Range<usize>>) {
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
fn authorization_schemes(text: &str, found: &mut Vec<Range<usize>>) {
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

/// `password=…`, `"api_key": "…"`, `?token=…`, `Cookie: a=b; c=d`: a value beside a name that tells.
fn named_values(text: &str, found: &mut Vec<Range<usize>>) {
    for at in memchr2_iter(b'=', b':', text.as_bytes()) {
        let name = name_before(text, at);
        if name.text.is_empty() {
            continue;
        }
        let value = value_after(text, at);
        let secret = if is_header_name(name.text) {
            header_value(text, value)
        } else {
            let is_named =
                is_secret_name(name.text) || (is_assigned(text, at) && is_query_secret(&name, text));
            (is_named && reads_as_value(text, at, &name, &value)).then_some(value.range)
        };
        found.extend(secret);
    }
}

struct Name<'t> {
    text: &'t str,
    start: usize,
    is_quoted: bool,
}

struct Value<'t> {
    text: &'t str,
    range: Range<usize>,
    is_quoted: bool,
}

/// The name that ends before a separator.
fn name_before(text: &str, separator: usize) -> Name<'_> {
    let before = text[..separator].trim_end_matches(' ');
    let unquoted = before.trim_end_matches(['"', '\'', '\\', ']']);
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let start = unquoted
        .rfind(|c| !is_name_char(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    // Words before the last two are prose, not the name.
    let start = unquoted[start..].rmatch_indices(' ').nth(1).map_or(start, |(at, _)| start + at + 1);
    Name { text: &unquoted[start..], start, is_quoted: unquoted.len() < before.len() }
}

/// The value that begins after a separator.
fn value_after(text: &str, separator: usize) -> Value<'_> {
    let gap = run_len(&text[separator..], |b| matches!(b, b'=' | b':' | b'>' | b' ' | b'\\'));
    let start = separator + gap;
    let quote = text[start..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`' | '['));
    if quote == Some('[') && !text[start..].starts_with("[\"") && !text[start..].starts_with("[\\\"") {
        return plain_value(text, start);
    }
    match quote {
        Some(quote) => {
            let closing = if quote == '[' { ']' } else { quote };
            let inner = start + 1;
            let end = text[inner..].find(closing).map_or(text.len(), |at| inner + at);
            let content = text[inner..end].trim_end_matches('\\');
            Value { text: content, range: inner..inner + content.len(), is_quoted: true }
        }
        None => plain_value(text, start),
    }
}

fn plain_value(text: &str, start: usize) -> Value<'_> {
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(c, '&' | ';' | ',' | '"' | '\'' | '<' | '>' | '{' | '}' | '(' | ')' | '\\' | '|')
    };
    let end = text[start..].find(ends).map_or(text.len(), |at| start + at);
    let content = text[start..end].trim_end_matches('.');
    Value { text: content, range: start..start + content.len(), is_quoted: false }
}

/// Whether `=` stands there, without a space beside it.
fn is_assigned(text: &str, at: usize) -> bool {
    text.as_bytes()[at] == b'=' && !text[..at].ends_with(' ')
}

/// Names that carry secrets in queries, forms and cookies only.
fn is_query_secret(name: &Name<'_>, text: &str) -> bool {
    const ALWAYS: &[&str] =
        &["pass", "sid", "connect.sid", "session", "sessionid", "session_id", "sig", "signature"];
    const IN_QUERIES: &[&str] = &["key", "code"];
    let name_text = name.text.rsplit(' ').next().unwrap_or_default();
    let is_in_query = text[..name.start].ends_with(['?', '&']);
    let is = |names: &[&str]| names.iter().any(|other| name_text.eq_ignore_ascii_case(other));
    let lower = name_text.to_ascii_lowercase();
    let ends_in_one = ["session", "signature"].iter().any(|last| lower.ends_with(last));
    is(ALWAYS) || ends_in_one || (is_in_query && is(IN_QUERIES))
}

/// Whether what follows a telling name is a value rather than prose about it.
fn reads_as_value(text: &str, separator: usize, name: &Name<'_>, value: &Value<'_>) -> bool {
    if value.text.is_empty() || is_innocent(value.text) {
        return false;
    }
    let is_joined = text.as_bytes()[separator] == b'=' || name.is_quoted || value.is_quoted;
    if is_joined {
        return true;
    }
    let ends_the_text = text[value.range.end..].trim_start_matches(['.', ' ']).is_empty()
        || text[value.range.end..].starts_with(['\n', '\r', ',', ';', '&', '"', '\'', ')', '}']);
    let has_other_than_letters = value.text.bytes().any(|b| !b.is_ascii_lowercase() && b != b'-');
    let is_capitalised_word = value.text.len() > 1
        && value.text.as_bytes()[0].is_ascii_uppercase()
        && value.text.bytes().skip(1).all(|b| b.is_ascii_lowercase());
    ends_the_text || (has_other_than_letters && !is_capitalised_word && value.text.len() >= 4)
}

/// Values that say something about a secret instead of being one.
fn is_innocent(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "yes",
        "no",
        "on",
        "off",
        "unknown",
        "n/a",
        "empty",
        "missing",
        "required",
        "optional",
        "invalid",
        "valid",
        "expired",
        "revoked",
        "changed",
        "updated",
        "reset",
        "rotated",
        "created",
        "deleted",
        "removed",
        "[removed]",
        "[removed",
        "redacted",
        "[redacted]",
        "<redacted>",
        "hidden",
        "masked",
        "incorrect",
        "wrong",
        "mismatch",
        "set",
        "unset",
        "enabled",
        "disabled",
        "ok",
        "failed",
        "success",
        "denied",
        "present",
        "absent",
        "string",
        "bearer",
        "basic",
        "refreshed",
        "issued",
        "accepted",
        "rejected",
        "default",
    ];
    let is_masked = value.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'#'));
    let is_small_number = value.len() <= 3 && value.bytes().all(|b| b.is_ascii_digit());
    is_masked
        || is_small_number
        || value.starts_with("[removed]")
        || value.starts_with("****")
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Headers whose whole value is secret.
fn is_header_name(name: &str) -> bool {
    const NAMES: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie", "cookies"];
    let last_word = name.rsplit(' ').next().unwrap_or_default();
    NAMES.iter().any(|header| last_word.eq_ignore_ascii_case(header))
}

/// The value of `Authorization` or `Cookie`: to the end of the line, or to the closing quote.
fn header_value(text: &str, value: Value<'_>) -> Option<Range<usize>> {
    const SCHEMES: &[&str] = &[
        "bearer",
        "basic",
        "digest",
        "token",
        "apikey",
        "negotiate",
        "ntlm",
        "aws4-hmac-sha256",
        "bot",
        "key",
    ];
    let start = value.range.start;
    let has_quotes_inside =
        text[start..].get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest "));
    let end = match value.is_quoted {
        true => value.range.end,
        false if has_quotes_inside => text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at),
        false => text[start..].find(['\n', '\r', '"', '\'', '\\']).map_or(text.len(), |at| start + at),
    };
    let line = &text[start..end];
    let first_word = line.split(' ').next().unwrap_or_default();
    let has_scheme = SCHEMES.iter().any(|scheme| first_word.eq_ignore_ascii_case(scheme))
        && line.len() > first_word.len() + 4;
    let is_cookie = line.find('=').is_some_and(|at| at > 0 && !line[..at].contains(' '));
    let is_token = line.len() >= 8
        && !line.contains(' ')
        && line.bytes().any(|b| b.is_ascii_digit())
        && !is_innocent(line);
    (has_scheme || is_cookie || is_token).then_some(start..end)
}

/// `scheme://user:password@host` and `scheme://token@host`.
fn url_passwords(text: &str, found: &mut Vec<Range<usize>>) {
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
fn bot_tokens(text: &str, found: &mut Vec<Range<usize>>) {
    for at in memmem::find_iter(text.as_bytes(), ":AA") {
        let digits = text[..at].bytes().rev().take_while(u8::is_ascii_digit).count();
        let len = run_len(&text[at + 1..], is_token_byte);
        if (8..=10).contains(&digits) && len >= 30 {
            found.push(at + 1..at + 1 + len);
        }
    }
}

/// Shorter runs of digits are not looked at: 13-digit cards are no longer issued, 13-digit article numbers
/// (EAN) and times in milliseconds are everywhere.
pub(super) const MIN_CARD_DIGITS: usize = 14;
const MAX_CARD_DIGITS: usize = 19;

/// Digits grouped as on a card or not at all, of an issuer's range, with Luhn's check digit.
fn card_numbers(text: &str, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let is_start = bytes[at].is_ascii_digit() && (at == 0 || !is_card_neighbour(bytes[at - 1]));
        if is_start && let Some(end) = card_end(bytes, at) {
            found.push(at..end);
            at = end;
        } else {
            at += 1;
        }
    }
}

/// Bytes that join a run of digits to something longer: an id, an amount, a part number.
fn is_card_neighbour(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'#' | b'@')
        || byte >= 0x80
}

fn card_end(bytes: &[u8], start: usize) -> Option<usize> {
    const GROUPINGS: &[&[usize]] = &[&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
    let grouped = GROUPINGS.iter().find_map(|grouping| grouped_digits(bytes, start, grouping));
    let (digits, end) = grouped.or_else(|| {
        let len = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        (MIN_CARD_DIGITS..=MAX_CARD_DIGITS)
            .contains(&len)
            .then(|| (bytes[start..start + len].to_vec(), start + len))
    })?;
    let is_whole = bytes.get(end).is_none_or(|&b| {
        !is_card_neighbour(b) || (b == b'.' && !bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric))
    });
    (is_whole && is_issued(&digits) && passes_luhn(&digits)).then_some(end)
}

/// Digits in groups of these lengths, each but the last followed by the same space or dash.
fn grouped_digits(bytes: &[u8], start: usize, grouping: &[usize]) -> Option<(Vec<u8>, usize)> {
    let separator = *bytes.get(start + grouping[0])?;
    if !matches!(separator, b' ' | b'-') {
        return None;
    }
    let mut digits = Vec::with_capacity(MAX_CARD_DIGITS);
    let mut at = start;
    for (index, &len) in grouping.iter().enumerate() {
        if index > 0 {
            (bytes.get(at) == Some(&separator)).then_some(())?;
            at += 1;
        }
        let group = bytes.get(at..at + len).filter(|group| group.iter().all(u8::is_ascii_digit))?;
        digits.extend_from_slice(group);
        at += len;
    }
    (!bytes.get(at).is_some_and(u8::is_ascii_digit)).then_some((digits, at))
}

/// The issuers' ranges and lengths (ISO/IEC 7812): Visa, Mastercard, American Express, Discover, JCB,
/// Diners, UnionPay, Maestro.
fn is_issued(digits: &[u8]) -> bool {
    let leading =
        |count: usize| digits[..count].iter().fold(0u32, |value, b| value * 10 + u32::from(b - b'0'));
    match digits.len() {
        14 => matches!(leading(3), 300..=305 | 309 | 360..=369 | 380..=399),
        15 => matches!(leading(2), 34 | 37),
        16 => {
            digits[0] == b'4'
                || matches!(leading(2), 51..=55 | 62 | 65)
                || matches!(leading(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(leading(3), 644..=649)
        }
        17..=19 => {
            matches!(leading(2), 62 | 65)
                || matches!(leading(4), 6011)
                || (digits.len() == 19 && digits[0] == b'4')
        }
        _ => false,
    }
}

pub(super) fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0');
            match place % 2 {
                0 => value,
                _ => value * 2 - if value > 4 { 9 } else { 0 },
            }
        })
        .sum();
    sum % 10 == 0
}

fn run_len(text: &str, is_in: impl Fn(u8) -> bool) -> usize {
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
