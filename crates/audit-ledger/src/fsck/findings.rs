//! What was found wrong, for either verdict.

use super::{Finding, MAX_FINDINGS, Verdict};
use crate::error::Damage;

#[derive(Default)]
pub(super) struct Findings {
    integrity: Vec<Finding>,
    completeness: Vec<Finding>,
    pub(super) checkpoint_reported: bool,
}

impl Findings {
    pub(super) fn altered(&mut self, damage: Damage) {
        self.tampered(Finding::Damage(damage));
    }

    pub(super) fn missing(&mut self, damage: Damage) {
        self.incomplete(Finding::Damage(damage));
    }

    pub(super) fn tampered(&mut self, finding: Finding) {
        self.integrity.push(finding);
    }

    pub(super) fn incomplete(&mut self, finding: Finding) {
        self.completeness.push(finding);
    }

    pub(super) fn verdicts(self) -> (Verdict, Verdict) {
        let verdict = |mut findings: Vec<Finding>| {
            findings.truncate(MAX_FINDINGS);
            if findings.is_empty() { Verdict::Sound } else { Verdict::Broken(findings) }
        };
        (verdict(self.integrity), verdict(self.completeness))
    }
}
