//! What people in the automotive aftermarket talk and keep files about. No real person, customer or part number.

use super::calendar::Day;
use super::rng::Rng;

/// A kind of part and the letters its numbers begin with.
const PARTS: &[(&str, &str)] = &[
    ("brake rotor", "BR"),
    ("wheel hub bearing", "WH"),
    ("oxygen sensor", "OS"),
    ("water pump", "WP"),
    ("alternator", "AL"),
    ("ignition coil", "IC"),
    ("control arm", "CA"),
    ("timing belt kit", "TB"),
    ("cabin filter", "CF"),
    ("fuel pump module", "FP"),
    ("strut assembly", "ST"),
    ("catalytic converter", "CC"),
    ("radiator", "RD"),
    ("EGR valve", "EG"),
    ("clutch kit", "CK"),
    ("tie rod end", "TR"),
    ("brake caliper", "BC"),
    ("wiper motor", "WM"),
];

/// What a department's conversations and files are called. `{part}`, `{no}`, `{claim}`, `{n}`, `{month}` are filled in.
pub(super) struct Vocabulary {
    pub(super) titles: &'static [&'static str],
    pub(super) files: &'static [&'static str],
}

pub(super) const PARTS_CATALOG: Vocabulary = Vocabulary {
    titles: &[
        "Fitment notes for {part} {no}",
        "Cross-reference of {part} {no}",
        "Attribute gaps in {part} {no}",
        "Catalog text for {part} {no}",
        "Duplicate check of {part} {no}",
    ],
    files: &["{no}-datasheet.pdf", "{no}-fitment.csv", "catalog-export-{month}.xlsx"],
};

pub(super) const INSIDE_SALES: Vocabulary = Vocabulary {
    titles: &[
        "Quote for {part} {no}",
        "Alternatives to {part} {no}",
        "Reply to a dealer about {part} {no}",
        "Margin of {part} {no}",
        "Minimum order quantity of {part} {no}",
    ],
    files: &["quote-{n}.pdf", "price-list-{month}.xlsx", "{no}-offer.docx"],
};

pub(super) const WARRANTY: Vocabulary = Vocabulary {
    titles: &[
        "Claim {claim}: {part} {no}",
        "Failure pattern of {part} {no}",
        "Letter on claim {claim}",
        "Goodwill decision on claim {claim}",
        "Core return for {part} {no}",
    ],
    files: &["warranty-claim-{claim}.pdf", "warranty-claims-{month}.xlsx", "{no}-failure-photos.zip"],
};

pub(super) const SUPPORT: Vocabulary = Vocabulary {
    titles: &[
        "Installation of {part} {no}",
        "Return of {part} {no}",
        "Noise after fitting {part} {no}",
        "Missing hardware in {part} {no}",
        "Answer to ticket {n}",
    ],
    files: &["ticket-{n}.eml", "{no}-instructions.pdf"],
};

pub(super) const PROCUREMENT: Vocabulary = Vocabulary {
    titles: &[
        "Supplier comparison for {part} {no}",
        "Lead time of {part} {no}",
        "Price increase on {part} {no}",
        "Second source for {part} {no}",
    ],
    files: &["supplier-scorecard-{month}.xlsx", "rfq-{n}.pdf"],
};

pub(super) const LOGISTICS: Vocabulary = Vocabulary {
    titles: &[
        "Back-order of {part} {no}",
        "Packaging of {part} {no}",
        "Tariff code of {part} {no}",
        "Damaged pallet {n}",
    ],
    files: &["shipment-{n}.csv", "packing-list-{n}.pdf"],
};

pub(super) const ENGINEERING: Vocabulary = Vocabulary {
    titles: &[
        "Torque values for {part} {no}",
        "Test report of {part} {no}",
        "Tolerances of {part} {no}",
        "FMEA draft for {part} {no}",
        "Salt spray result of {part} {no}",
    ],
    files: &["{no}-drawing-rev{n}.pdf", "{no}-test-report.docx", "{no}-fmea.xlsx"],
};

pub(super) const MARKETING: Vocabulary = Vocabulary {
    titles: &["Campaign for {part} {no}", "Newsletter on {part} {no}", "Trade fair text {n}"],
    files: &["newsletter-{month}.docx", "{no}-banner.png"],
};

pub(super) const FINANCE: Vocabulary = Vocabulary {
    titles: &["Accrual for claim {claim}", "Variance of {part} {no}", "Month-end questions {n}"],
    files: &["accruals-{month}.xlsx", "open-items-{n}.csv"],
};

pub(super) const HUMAN_RESOURCES: Vocabulary = Vocabulary {
    titles: &["Job posting {n}", "Onboarding plan {n}", "Survey summary {n}"],
    files: &["onboarding-{n}.docx", "survey-{month}.xlsx"],
};

pub(super) const LEGAL: Vocabulary = Vocabulary {
    titles: &["Supplier agreement {n}", "Recall wording for {part} {no}", "Data protection question {n}"],
    files: &["agreement-{n}.pdf", "recall-{no}.docx"],
};

pub(super) const IT: Vocabulary = Vocabulary {
    titles: &["Runbook {n}", "Script review {n}", "Error message {n}", "Access request {n}"],
    files: &["runbook-{n}.md", "export-{n}.json"],
};

/// Fills a template in.
pub(super) fn fill(template: &str, day: Day, rng: &mut Rng) -> String {
    let (part, letters) = *rng.pick(PARTS);
    let number = rng.between(10_000, 100_000);
    let (year, month, _) = day.civil();
    let mut text = String::with_capacity(template.len() + 24);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (placeholder, tail) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        match placeholder {
            "part" => text.push_str(part),
            "no" => text.push_str(&format!("{letters}-{number}")),
            "claim" => text.push_str(&format!("WTY-{year}-{number}")),
            "month" => text.push_str(&format!("{year}-{month:02}")),
            _ => text.push_str(&number.to_string()),
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in() {
        let mut rng = Rng::new(1);
        let text = fill("Claim {claim}: {part} {no} of {month}", Day(20_513), &mut rng);
        assert!(text.starts_with("Claim WTY-2026-"), "{text}");
        assert!(text.ends_with(" of 2026-03") && !text.contains(['{', '}']), "{text}");
    }
}
