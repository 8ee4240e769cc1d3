//! Identifiers of one page.

use super::{Bits, PAGE_ROWS, Texts};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128, xxh3_128_with_seed};

/// How an identifier is written, and so how it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum IdForm {
    /// There is none.
    Absent = 0,
    /// A lower-case UUID with hyphens: 16 bytes.
    Uuid = 1,
    /// 32 lower-case hexadecimal digits: 16 bytes.
    Hex = 2,
    /// Anything else: text.
    Text = 3,
}

impl IdForm {
    pub(crate) fn from_code(code: u8) -> IdForm {
        match code {
            1 => IdForm::Uuid,
            2 => IdForm::Hex,
            3 => IdForm::Text,
            _ => IdForm::Absent,
        }
    }
}

/// An identifier of 16 bytes, with the way it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WideId {
    pub(crate) form: IdForm,
    pub(crate) bytes: [u8; 16],
}

impl WideId {
    /// `None` if it has to be kept as text.
    pub(crate) fn parse(text: &str) -> Option<WideId> {
        let text = text.as_bytes();
        let mut bytes = [0; 16];
        match text.len() {
            32 => decode_hex(text, &mut bytes).then_some(WideId { form: IdForm::Hex, bytes }),
            36 => {
                let hyphens = text[8] == b'-' && text[13] == b'-' && text[18] == b'-' && text[23] == b'-';
                let fits = hyphens
                    && decode_hex(&text[0..8], &mut bytes[0..4])
                    && decode_hex(&text[9..13], &mut bytes[4..6])
                    && decode_hex(&text[14..18], &mut bytes[6..8])
                    && decode_hex(&text[19..23], &mut bytes[8..10])
                    && decode_hex(&text[24..36], &mut bytes[10..16]);
                fits.then_some(WideId { form: IdForm::Uuid, bytes })
            }
            _ => None,
        }
    }

    fn hash(&self) -> u64 {
        xxh3_64_with_seed(&self.bytes, self.form as u64)
    }

    fn wide_hash(&self) -> u128 {
        xxh3_128_with_seed(&self.bytes, self.form as u64)
    }

    /// As it was written.
    pub(crate) fn write(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(36);
        for (at, byte) in self.bytes.iter().enumerate() {
            if self.form == IdForm::Uuid && matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }
}

/// The hash of an identifier as it was written. Part of the file format: it must not change.
pub(crate) fn id_hash(text: &str) -> u64 {
    match WideId::parse(text) {
        Some(id) => id.hash(),
        None => xxh3_64(text.as_bytes()),
    }
}

/// A hash of an identifier or any other text that tells apart what one has to do with.
pub(crate) fn wide_id_hash(text: &str) -> u128 {
    match WideId::parse(text) {
        Some(id) => id.wide_hash(),
        None => xxh3_128(text.as_bytes()),
    }
}

/// Values of the lower-case hexadecimal digits, 0xFF for every other byte.
const NIBBLES: [u8; 256] = {
    let mut table = [0xFF; 256];
    let (mut digit, mut value) = (0, 0_u8);
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = value;
        (digit, value) = (digit + 1, value + 1);
    }
    table
};

fn decode_hex(text: &[u8], bytes: &mut [u8]) -> bool {
    let mut seen = 0;
    for (pair, byte) in text.as_chunks::<2>().0.iter().zip(bytes) {
        let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    seen < 16
}

/// The identifiers of a page's rows; a row may have none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    /// One [`IdForm`] a row.
    forms: Vec<u8>,
    /// One value a row, zero where the form has none; empty when no row has one.
    wide: Vec<[u8; 16]>,
    /// One text a row, absent where the form is another; `None` when no row has one.
    texts: Option<Texts>,
}

impl Ids {
    /// `wide` and `texts` have a value a row, or are empty and `None`.
    pub(crate) fn new(forms: Vec<u8>, wide: Vec<[u8; 16]>, texts: Option<Texts>) -> Ids {
        Ids { forms, wide, texts }
    }

    pub(crate) fn len(&self) -> usize {
        self.forms.len()
    }

    pub(crate) fn form(&self, row: usize) -> IdForm {
        IdForm::from_code(self.forms[row])
    }

    /// The 16 bytes, if the row's form has them.
    pub(crate) fn wide(&self, row: usize) -> Option<WideId> {
        match self.form(row) {
            form @ (IdForm::Uuid | IdForm::Hex) => Some(WideId { form, bytes: self.wide[row] }),
            IdForm::Absent | IdForm::Text => None,
        }
    }

    pub(crate) fn text(&self, row: usize) -> Option<&str> {
        self.texts.as_ref().and_then(|texts| texts.get(row))
    }

    /// The identifier as it was written.
    pub(crate) fn write(&self, row: usize) -> Option<String> {
        match self.wide(row) {
            Some(id) => Some(id.write()),
            None => self.text(row).map(str::to_owned),
        }
    }

    /// [`id_hash`] of the identifier.
    pub(crate) fn hash(&self, row: usize) -> Option<u64> {
        match self.wide(row) {
            Some(id) => Some(id.hash()),
            None => self.text(row).map(|text| xxh3_64(text.as_bytes())),
        }
    }

    /// [`wide_id_hash`] of the identifier.
    pub(crate) fn wide_hash(&self, row: usize) -> Option<u128> {
        match self.wide(row) {
            Some(id) => Some(id.wide_hash()),
            None => self.text(row).map(|text| xxh3_128(text.as_bytes())),
        }
    }

    pub(crate) fn push(&mut self, id: Option<&str>) {
        let row = self.forms.len();
        let wide = id.and_then(WideId::parse);
        let text = if wide.is_some() { None } else { id };
        let form = match (&wide, text) {
            (Some(wide), _) => wide.form,
            (None, Some(_)) => IdForm::Text,
            (None, None) => IdForm::Absent,
        };
        self.forms.push(form as u8);
        if let Some(wide) = wide {
            self.push_wide(row, wide.bytes);
        } else if !self.wide.is_empty() {
            self.wide.push([0; 16]);
        }
        if text.is_some() || self.texts.is_some() {
            self.push_text(row, text);
        }
    }

    fn push_wide(&mut self, row: usize, bytes: [u8; 16]) {
        if self.wide.is_empty() {
            self.wide.reserve_exact(PAGE_ROWS);
            self.wide.resize(row, [0; 16]);
        }
        self.wide.push(bytes);
    }

    fn push_text(&mut self, row: usize, text: Option<&str>) {
        let texts = self.texts.get_or_insert_with(|| {
            let mut texts = Texts::default();
            (0..row).for_each(|_| texts.push(None));
            texts
        });
        texts.push(text);
    }

    /// The rows whose identifier is `wanted`.
    pub(crate) fn equal(&self, wanted: &str) -> Bits {
        match WideId::parse(wanted) {
            Some(_) if self.wide.is_empty() => Bits::NONE,
            Some(id) => {
                let wanted = u128::from_ne_bytes(id.bytes);
                let same = Bits::from_slice(&self.wide, |bytes| u128::from_ne_bytes(bytes) == wanted);
                same.retain(|row| self.forms[row] == id.form as u8)
            }
            None => match &self.texts {
                Some(texts) => Bits::from_fn(texts.len(), |row| texts.get(row) == Some(wanted)),
                None => Bits::NONE,
            },
        }
    }

    /// The rows that have an identifier.
    pub(crate) fn present(&self) -> Bits {
        Bits::from_slice(&self.forms, |form| form != IdForm::Absent as u8)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.forms.capacity() + self.wide.capacity() * 16 + self.texts.as_ref().map_or(0, Texts::heap_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6a0a5f6f-d963-425d-ab79-7eec8bd89b93";
    const HEX: &str = "6a0a5f6fd963425dab797eec8bd89b93";

    #[test]
    fn only_what_comes_back_as_written_is_kept_as_bytes() {
        for text in [UUID, HEX] {
            assert_eq!(WideId::parse(text).map(|id| id.write()).as_deref(), Some(text));
        }
        let upper = UUID.to_uppercase();
        let shifted = "6a0a5f6fd-963-425d-ab79-7eec8bd89b93";
        for text in
            [upper.as_str(), shifted, "", "b9b6de262506", &HEX[1..], "6a0a5f6fd963425dab797eec8bd89b9g"]
        {
            assert_eq!(WideId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn identifiers_come_back_and_are_found() {
        let rows = [None, Some(HEX), Some("short"), Some(UUID), None, Some(""), Some(HEX)];
        let mut ids = Ids::default();
        rows.iter().for_each(|id| ids.push(*id));
        for (row, id) in rows.iter().enumerate() {
            assert_eq!(ids.write(row).as_deref(), *id);
        }
        for wanted in [HEX, UUID, "short", "", "other"] {
            let expected = Bits::from_fn(rows.len(), |row| rows[row] == Some(wanted));
            assert_eq!(ids.equal(wanted), expected, "{wanted}");
        }
        assert_eq!(ids.present().count(), 5);
    }
}
