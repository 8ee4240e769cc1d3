//! Which columns the list shows. The time is always there: it leads to the event.

use crate::problem::{Problem, Result};

/// Columns to choose: name in the address, and on the page.
pub(crate) const COLUMNS: [(&str, &str); 10] = [
    ("who", "Who"),
    ("what", "What"),
    ("outcome", "Outcome"),
    ("target", "Target"),
    ("client", "Client"),
    ("model", "Model"),
    ("tokens", "Tokens"),
    ("cost", "Cost"),
    ("latency", "Duration"),
    ("session", "Session"),
];
/// What a column is called on the page.
pub(crate) fn title(name: &str) -> &'static str {
    COLUMNS.iter().find(|(known, _)| *known == name).map_or("", |(_, title)| title)
}

/// Those that are shown unless others are chosen.
const USUAL: u16 = 0b1_1111;

/// A choice of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns(u16);

impl Default for Columns {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl Columns {
    /// The columns of these names, each of which may be several with commas between them; without any, the usual ones.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidParameter`] with the names there are.
    pub fn parse<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut chosen = 0;
        for name in names.flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty()) {
            let Some(at) = COLUMNS.iter().position(|(known, _)| *known == name) else {
                let known: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
                return Err(Problem::invalid_parameter(
                    "columns",
                    format!("{name:?} is not one of {}", known.join(", ")),
                ));
            };
            chosen |= 1 << at;
        }
        Ok(if chosen == 0 { Self::default() } else { Self(chosen) })
    }

    /// Whether the column is shown.
    pub fn has(self, name: &str) -> bool {
        COLUMNS.iter().position(|(known, _)| *known == name).is_some_and(|at| self.0 & (1 << at) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str]) -> Vec<&'static str> {
        let columns = Columns::parse(names.iter().copied()).unwrap();
        COLUMNS.iter().map(|(name, _)| *name).filter(|name| columns.has(name)).collect()
    }

    #[test]
    fn without_a_choice_the_usual_ones_are_shown() {
        assert_eq!(shown(&[]), ["who", "what", "outcome", "target", "client"]);
        assert_eq!(shown(&["", ","]), shown(&[]));
    }

    #[test]
    fn columns_are_chosen_by_name_together_or_one_by_one() {
        assert_eq!(shown(&["cost,who"]), ["who", "cost"]);
        assert_eq!(shown(&["cost", "who"]), ["who", "cost"]);
        assert!(Columns::parse(["whom"].into_iter()).is_err());
    }
}
