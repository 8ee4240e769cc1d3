//! Dictionary codes of one page, in as few bytes as the largest code needs.

use super::Bits;

/// The codes of a page's rows.
#[derive(Debug, Clone)]
pub(crate) enum Codes {
    /// The same code in each of so many rows.
    Same(u32, usize),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Default for Codes {
    fn default() -> Codes {
        Codes::Same(0, 0)
    }
}

/// Runs `$body` with `$codes` bound to the slice, whatever its width; `Same` has an arm of its own.
macro_rules! with_slice {
    ($self:expr, Same($code:pat, $rows:pat) => $same:expr, $codes:ident => $body:expr) => {
        match $self {
            Codes::Same($code, $rows) => $same,
            Codes::U8($codes) => $body,
            Codes::U16($codes) => $body,
            Codes::U32($codes) => $body,
        }
    };
}

impl Codes {
    pub(crate) fn len(&self) -> usize {
        with_slice!(self, Same(_, rows) => *rows, codes => codes.len())
    }

    pub(crate) fn get(&self, row: usize) -> u32 {
        match self {
            Codes::Same(code, _) => *code,
            Codes::U8(codes) => u32::from(codes[row]),
            Codes::U16(codes) => u32::from(codes[row]),
            Codes::U32(codes) => codes[row],
        }
    }

    /// Appends a code, widening the page's representation when it must.
    #[inline]
    pub(crate) fn push(&mut self, code: u32) {
        match self {
            Codes::Same(same, rows) if *rows == 0 || *same == code => {
                *same = code;
                *rows += 1;
            }
            Codes::U32(codes) => codes.push(code),
            Codes::U16(codes) if code <= u32::from(u16::MAX) => codes.push(narrow(code)),
            Codes::U8(codes) if code <= u32::from(u8::MAX) => codes.push(narrow(code)),
            _ => self.push_wider(code),
        }
    }

    #[cold]
    fn push_wider(&mut self, code: u32) {
        let mut all = self.to_vec();
        all.push(code);
        *self = Codes::from_codes(&all);
    }

    fn to_vec(&self) -> Vec<u32> {
        (0..self.len()).map(|row| self.get(row)).collect()
    }

    /// The narrowest representation of `codes`.
    pub(crate) fn from_codes(codes: &[u32]) -> Codes {
        let first = codes.first().copied().unwrap_or(0);
        let mut most = first;
        let mut same = true;
        for code in codes {
            most = most.max(*code);
            same &= *code == first;
        }
        if same {
            return Codes::Same(first, codes.len());
        }
        match most {
            0..=0xFF => Codes::U8(codes.iter().map(|code| narrow(*code)).collect()),
            0x100..=0xFFFF => Codes::U16(codes.iter().map(|code| narrow(*code)).collect()),
            _ => Codes::U32(codes.to_vec()),
        }
    }

    /// In the narrowest representation, if that is worth it.
    pub(crate) fn narrowed(self) -> Codes {
        let fits_byte = |codes: &[u16]| codes.iter().fold(0, |all, code| all | code) <= 0xFF;
        match &self {
            Codes::U16(codes) if fits_byte(codes) => match codes.iter().all(|code| *code == codes[0]) {
                true => Codes::Same(u32::from(codes[0]), codes.len()),
                false => Codes::U8(codes.iter().map(|code| narrow(u32::from(*code))).collect()),
            },
            _ => self,
        }
    }

    /// The rows that hold `wanted`.
    pub(crate) fn equal(&self, wanted: u32) -> Bits {
        match self {
            Codes::Same(code, rows) if *code == wanted => Bits::first(*rows),
            Codes::Same(..) => Bits::NONE,
            Codes::U8(codes) => match u8::try_from(wanted) {
                Ok(wanted) => Bits::from_slice(codes, |code| code == wanted),
                Err(_) => Bits::NONE,
            },
            Codes::U16(codes) => match u16::try_from(wanted) {
                Ok(wanted) => Bits::from_slice(codes, |code| code == wanted),
                Err(_) => Bits::NONE,
            },
            Codes::U32(codes) => Bits::from_slice(codes, |code| code == wanted),
        }
    }

    /// The rows whose code has `true` in `accepted`; codes beyond its end are not accepted.
    pub(crate) fn within(&self, accepted: &[bool]) -> Bits {
        let accepts = |code: usize| accepted.get(code).copied().unwrap_or(false);
        with_slice!(
            self,
            Same(code, rows) => if accepts(*code as usize) { Bits::first(*rows) } else { Bits::NONE },
            codes => Bits::from_slice(codes, |code| accepts(code as usize))
        )
    }

    /// Calls `visit` with each row and its code.
    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, u32)) {
        match self {
            Codes::Same(code, rows) => (0..*rows).for_each(|row| visit(row, *code)),
            Codes::U8(codes) => codes.iter().enumerate().for_each(|(row, code)| visit(row, u32::from(*code))),
            Codes::U16(codes) => {
                codes.iter().enumerate().for_each(|(row, code)| visit(row, u32::from(*code)))
            }
            Codes::U32(codes) => codes.iter().enumerate().for_each(|(row, code)| visit(row, *code)),
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Codes::Same(..) => 0,
            Codes::U8(codes) => codes.capacity(),
            Codes::U16(codes) => codes.capacity() * 2,
            Codes::U32(codes) => codes.capacity() * 4,
        }
    }
}

/// The code in a type that is known to hold it.
fn narrow<T: FromTruncated>(code: u32) -> T {
    T::from_truncated(code)
}

trait FromTruncated {
    fn from_truncated(code: u32) -> Self;
}

impl FromTruncated for u8 {
    #[expect(clippy::cast_possible_truncation, reason = "see narrow")]
    fn from_truncated(code: u32) -> u8 {
        code as u8
    }
}

impl FromTruncated for u16 {
    #[expect(clippy::cast_possible_truncation, reason = "see narrow")]
    fn from_truncated(code: u32) -> u16 {
        code as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codes: &[u32]) {
        let mut pushed = Codes::default();
        codes.iter().for_each(|code| pushed.push(*code));
        let built = Codes::from_codes(codes);
        assert_eq!(pushed.to_vec(), codes);
        assert_eq!(built.to_vec(), codes);
        for wanted in codes {
            let expected = Bits::from_fn(codes.len(), |row| codes[row] == *wanted);
            assert_eq!(built.equal(*wanted), expected);
            let mut accepted = vec![false; *wanted as usize + 1];
            accepted[*wanted as usize] = true;
            assert_eq!(pushed.within(&accepted), expected);
        }
    }

    #[test]
    fn codes_come_back_in_any_width() {
        check(&[]);
        check(&[7, 7, 7]);
        check(&[7, 8, 7, 255]);
        check(&[0, 256, 65_535]);
        check(&[65_536, 1, 2]);
        check(&[3, 3, 3, 300, 70_000, 3]);
    }
}
