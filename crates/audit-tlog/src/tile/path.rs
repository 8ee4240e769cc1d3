//! Resource paths of tiles and bundles: one spelling each, `1234067` being `x001/x234/067`.

use core::fmt;
use core::str::FromStr;

use super::{BundleId, FULL_WIDTH, TileId, TilePath};
use crate::error::{Error, Flaw, Format};
use crate::text;

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_index_and_width(f, self.index, self.width)
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_index_and_width(f, self.index, self.width)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tile(tile) => tile.fmt(f),
            Self::Entries(bundle) => bundle.fmt(f),
        }
    }
}

fn write_index_and_width(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    let above = |n: &u64| Some(n / 1000).filter(|rest| *rest > 0);
    let elements: Vec<u64> = core::iter::successors(Some(index), above).map(|n| n % 1000).collect();
    elements.iter().skip(1).rev().try_for_each(|element| write!(f, "x{element:03}/"))?;
    write!(f, "{:03}", elements[0])?;
    if width < FULL_WIDTH {
        write!(f, ".p/{width}")?;
    }
    Ok(())
}

/// Reads a path in the one form that C2SP allows, without leading slash.
impl FromStr for TilePath {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        parse_path(path).map_err(|flaw| Error::malformed(Format::TilePath, 1, flaw))
    }
}

fn parse_path(path: &str) -> Result<TilePath, Flaw> {
    let rest = path.strip_prefix("tile/").ok_or(Flaw::Header)?;
    let (level, rest) = rest.split_once('/').ok_or(Flaw::Truncated)?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (parse_index(index)?, parse_partial_width(width)?),
        None => (parse_index(rest)?, FULL_WIDTH),
    };
    if level == "entries" {
        return BundleId::new(index, width).map(TilePath::Entries).ok_or(Flaw::Decimal);
    }
    let level = text::decimal(level).and_then(|level| u8::try_from(level).ok()).ok_or(Flaw::Decimal)?;
    TileId::new(level, index, width).map(TilePath::Tile).ok_or(Flaw::Decimal)
}

fn parse_partial_width(width: &str) -> Result<u16, Flaw> {
    let width = text::decimal(width).and_then(|width| u16::try_from(width).ok()).ok_or(Flaw::Decimal)?;
    if (1..FULL_WIDTH).contains(&width) { Ok(width) } else { Err(Flaw::Decimal) }
}

fn parse_index(path: &str) -> Result<u64, Flaw> {
    let (above, last) = path.rsplit_once('/').map_or((None, path), |(above, last)| (Some(above), last));
    let mut index = 0;
    for (at, element) in above.into_iter().flat_map(|above| above.split('/')).enumerate() {
        let value = three_digits(element.strip_prefix('x').ok_or(Flaw::Structure)?)?;
        let superfluous = at == 0 && value == 0;
        if superfluous {
            return Err(Flaw::Structure);
        }
        index = thousandfold(index, value)?;
    }
    thousandfold(index, three_digits(last)?)
}

fn thousandfold(index: u64, value: u64) -> Result<u64, Flaw> {
    index.checked_mul(1000).and_then(|index| index.checked_add(value)).ok_or(Flaw::Decimal)
}

fn three_digits(digits: &str) -> Result<u64, Flaw> {
    let valid = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
    if valid { digits.parse().map_err(|_| Flaw::Decimal) } else { Err(Flaw::Structure) }
}
