//! Going on with an export that broke off.
//!
//! The bytes of an export in a text format follow from the question and the ledger's size: `tree_size` pins the size,
//! `skip_bytes` says how many bytes the client has, `skip_sha256` what they hash to. The server writes the whole export
//! again and sends what comes after those bytes, so that nothing has to be remembered between the two requests: neither
//! a restart nor another client stands in the way. With the hash the joint is certain: where personal data has been
//! erased or a backup restored meanwhile, the rest of one file would else follow the beginning of another.

use audit_query::export::Format;
use audit_query::params::Request as Question;
use http::Uri;

use crate::params::Params;
use crate::problem::{Code, Problem, Result};

/// The parameters' names.
pub(crate) const PARAMETERS: &[&str] = &["tree_size", "skip_bytes", "skip_sha256"];

/// Which state of the ledger an export is of, and what of it the client has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The ledger's size; without it, that of now.
    pub tree_size: Option<u64>,
    /// The export's first bytes, before any content encoding, that are not sent.
    pub skip_bytes: u64,
    /// Their SHA-256 in lower-case hexadecimal.
    pub skip_sha256: Option<String>,
}

impl Resume {
    /// Reads the parameters.
    ///
    /// # Errors
    /// [`Code::InvalidParameter`] when a value cannot be, or one parameter lacks another.
    pub fn parse(uri: &Uri, question: &Question) -> Result<Self> {
        let params = Params::any(uri.query());
        if let Some((name, _)) = params.pairs().find(|(name, _)| PARAMETERS.contains(name))
            && (question.limit.is_some() || question.page_token.is_some())
        {
            return Err(Problem::invalid_parameter(name, "is for exports; leave limit and page_token away"));
        }
        let resume = Self {
            tree_size: params.parsed("tree_size")?,
            skip_bytes: params.parsed("skip_bytes")?.unwrap_or(0),
            skip_sha256: params.one("skip_sha256")?.map(digest).transpose()?,
        };
        resume.check(question.format.unwrap_or_default())?;
        Ok(resume)
    }

    fn check(&self, format: Format) -> Result<()> {
        if self.skip_sha256.is_some() && self.skip_bytes == 0 {
            return Err(Problem::invalid_parameter("skip_sha256", "goes with skip_bytes"));
        }
        if self.skip_bytes == 0 {
            return Ok(());
        }
        if !format.is_resumable() {
            let advice = format!("an export as {} cannot be resumed; begin it again", format.name());
            return Err(Problem::invalid_parameter("skip_bytes", advice));
        }
        match self.tree_size {
            Some(_) => Ok(()),
            None => Err(Problem::invalid_parameter(
                "skip_bytes",
                "goes with tree_size: the Audit-Tree-Size header of the answer that broke off",
            )),
        }
    }
}

fn digest(text: &str) -> Result<String> {
    let is_sha256 = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_sha256 {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(Problem::invalid_parameter("skip_sha256", "is 64 hexadecimal digits"))
    }
}

/// What the client has is not how the export begins.
pub(crate) fn differs(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Code::ExportDiffers, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Reader;

    fn parse(query: &str) -> Result<Resume> {
        let uri: Uri = format!("/?{query}").parse().unwrap();
        let question = crate::question::parse(&Reader::of_everything(), &uri, PARAMETERS).unwrap();
        Resume::parse(&uri, &question)
    }

    #[test]
    fn a_plain_export_pins_and_skips_nothing() {
        assert_eq!(parse("format=csv").unwrap(), Resume::default());
        assert_eq!(parse("tree_size=7").unwrap(), Resume { tree_size: Some(7), ..Resume::default() });
    }

    #[test]
    fn a_digest_is_read_in_either_case() {
        let digest = "A".repeat(64);
        let resume = parse(&format!("tree_size=7&skip_bytes=3&skip_sha256={digest}")).unwrap();
        assert_eq!((resume.skip_bytes, resume.skip_sha256.unwrap()), (3, "a".repeat(64)));
    }

    #[test]
    fn what_makes_no_sense_names_its_parameter() {
        for (query, parameter) in [
            ("tree_size=many", "tree_size"),
            ("tree_size=7&limit=5", "tree_size"),
            ("skip_bytes=5", "skip_bytes"),
            ("tree_size=7&skip_bytes=-5", "skip_bytes"),
            ("tree_size=7&skip_bytes=5&format=parquet", "skip_bytes"),
            ("tree_size=7&skip_bytes=5&skip_sha256=abc", "skip_sha256"),
            ("tree_size=7&skip_sha256=00", "skip_sha256"),
        ] {
            let problem = parse(query).unwrap_err();
            assert_eq!(problem.code(), Code::InvalidParameter, "{query}");
            assert!(
                format!("{problem:?}").contains(&format!("String({parameter:?})")),
                "{query}: {problem:?}"
            );
        }
    }
}
