//! The made-up company: its people, their departments, sites and models.

use std::net::{IpAddr, Ipv4Addr};

use super::calendar::Day;
use super::rng::Rng;
use super::wording::{self, Vocabulary};

pub(super) const DOMAIN: &str = "kestrel-parts.example";

/// A place with an office network and a time zone.
pub(super) struct Site {
    /// The second number of its addresses, `10.x`.
    network: u8,
    pub(super) utc_offset_hours: i64,
}

const SITES: &[(Site, u32)] = &[
    (Site { network: 20, utc_offset_hours: 1 }, 6),
    (Site { network: 40, utc_offset_hours: -5 }, 3),
    (Site { network: 60, utc_offset_hours: 8 }, 1),
];

/// A model, with made-up prices in US dollars per million tokens.
#[derive(Debug, PartialEq)]
pub(super) struct ModelOffer {
    pub(super) id: &'static str,
    pub(super) provider: &'static str,
    pub(super) input_price: f64,
    pub(super) output_price: f64,
    /// Milliseconds for a token of the answer.
    pub(super) pace_ms: f64,
}

const fn offer(
    id: &'static str,
    provider: &'static str,
    input: f64,
    output: f64,
    pace_ms: f64,
) -> ModelOffer {
    ModelOffer { id, provider, input_price: input, output_price: output, pace_ms }
}

pub(super) const GENERAL: ModelOffer = offer("gpt-5.2", "openai", 1.75, 14.0, 11.0);
pub(super) const SMALL: ModelOffer = offer("gpt-5.2-mini", "openai", 0.25, 2.0, 6.0);
pub(super) const WRITER: ModelOffer = offer("claude-sonnet-4.6", "anthropic", 3.0, 15.0, 13.0);
pub(super) const THINKER: ModelOffer = offer("claude-opus-4.7", "anthropic", 5.0, 25.0, 19.0);
pub(super) const QUICK: ModelOffer = offer("gemini-3-flash", "google", 0.5, 3.0, 5.0);
pub(super) const LOCAL: ModelOffer = offer("llama4:70b", "ollama", 0.0, 0.0, 31.0);
pub(super) const LOCAL_SMALL: ModelOffer = offer("qwen3:32b", "ollama", 0.0, 0.0, 17.0);

/// A department, with the models it uses and what it talks about.
pub(super) struct Department {
    pub(super) name: &'static str,
    people: usize,
    pub(super) models: &'static [(ModelOffer, u32)],
    vocabulary: Vocabulary,
}

const fn department(
    name: &'static str,
    people: usize,
    models: &'static [(ModelOffer, u32)],
    vocabulary: Vocabulary,
) -> Department {
    Department { name, people, models, vocabulary }
}

impl Department {
    /// What a conversation in this department is called.
    pub(super) fn title(&self, day: Day, rng: &mut Rng) -> String {
        let template: &&str = rng.pick(self.vocabulary.titles);
        wording::fill(template, day, rng)
    }

    /// What a file of this department is called.
    pub(super) fn file_name(&self, day: Day, rng: &mut Rng) -> String {
        let template: &&str = rng.pick(self.vocabulary.files);
        wording::fill(template, day, rng)
    }
}

pub(super) const DEPARTMENTS: &[Department] = &[
    department("Parts Catalog", 26, &[(SMALL, 6), (GENERAL, 2), (LOCAL, 2)], wording::PARTS_CATALOG),
    department("Inside Sales", 24, &[(GENERAL, 5), (QUICK, 3), (WRITER, 2)], wording::INSIDE_SALES),
    department("Customer Support", 24, &[(QUICK, 6), (SMALL, 3), (WRITER, 1)], wording::SUPPORT),
    department("Engineering", 18, &[(THINKER, 4), (GENERAL, 3), (LOCAL, 3)], wording::ENGINEERING),
    department("Warranty", 16, &[(WRITER, 5), (GENERAL, 3), (LOCAL_SMALL, 2)], wording::WARRANTY),
    department("Logistics", 16, &[(SMALL, 5), (QUICK, 4), (LOCAL_SMALL, 1)], wording::LOGISTICS),
    department("Procurement", 12, &[(GENERAL, 6), (WRITER, 4)], wording::PROCUREMENT),
    department("Marketing", 10, &[(WRITER, 7), (GENERAL, 3)], wording::MARKETING),
    department("Finance", 10, &[(LOCAL, 6), (GENERAL, 4)], wording::FINANCE),
    department("IT", 8, &[(THINKER, 5), (LOCAL, 3), (SMALL, 2)], wording::IT),
    department("HR", 6, &[(LOCAL, 8), (WRITER, 2)], wording::HUMAN_RESOURCES),
    department("Legal", 4, &[(LOCAL, 7), (THINKER, 3)], wording::LEGAL),
];

const FIRST_NAMES: &[&str] = &[
    "Aaron", "Adele", "Akira", "Alma", "Amara", "Anders", "Anouk", "Ari", "Beatriz", "Bruno", "Carla",
    "Chen", "Dalia", "Dario", "Deepa", "Edda", "Elif", "Emil", "Farah", "Felix", "Greta", "Hakan", "Hanna",
    "Ilse", "Imran", "Ines", "Jonas", "Juna", "Kaito", "Kira", "Lars", "Leila", "Liv", "Luca", "Mara",
    "Mateo", "Meera", "Milan", "Nadia", "Nils", "Noor", "Olga", "Oskar", "Pablo", "Petra", "Ravi", "Rosa",
    "Samir", "Selma", "Sven", "Tamar", "Theo", "Tomasz", "Uma", "Vera", "Viktor", "Wanda", "Yara", "Yusuf",
    "Zofia",
];

const LAST_NAMES: &[&str] = &[
    "Abadi",
    "Almeida",
    "Arslan",
    "Baptiste",
    "Bauer",
    "Bergmann",
    "Castellan",
    "Chandra",
    "Dahl",
    "Dimitrov",
    "Ekwall",
    "Eriksen",
    "Falk",
    "Ferreira",
    "Fontaine",
    "Garrido",
    "Grabowski",
    "Haddad",
    "Halloran",
    "Hartmann",
    "Ibarra",
    "Ivanova",
    "Jansen",
    "Jimenez",
    "Kaplan",
    "Kimura",
    "Kowal",
    "Lindqvist",
    "Lombardi",
    "Maduro",
    "Marchetti",
    "Mbeki",
    "Moreau",
    "Nakagawa",
    "Nordin",
    "Obi",
    "Oduya",
    "Okafor",
    "Olsen",
    "Palmgren",
    "Petrov",
    "Quint",
    "Rasmus",
    "Reyes",
    "Richter",
    "Sandoval",
    "Sato",
    "Schenk",
    "Sharma",
    "Sorel",
    "Tanaka",
    "Thorne",
    "Umarov",
    "Valente",
    "Varga",
    "Weiss",
    "Wierzba",
    "Yilmaz",
    "Zandt",
    "Zeller",
];

const BROWSERS: &[(&str, u32)] = &[
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        5,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        7,
    ),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", 2),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
        2,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
        1,
    ),
];

/// Somebody who works there.
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) department: &'static Department,
    pub(super) site: &'static Site,
    pub(super) is_admin: bool,
    pub(super) office_ip: IpAddr,
    pub(super) home_ip: IpAddr,
    pub(super) browser: &'static str,
    /// First day with an account.
    pub(super) joined: Day,
    /// Day on which the account was deleted.
    pub(super) left: Option<Day>,
    /// How much they use the platform: 1 is average.
    pub(super) keenness: f64,
    /// Scripts call models under their name.
    pub(super) has_scripts: bool,
}

impl Person {
    pub(super) fn is_here(&self, day: Day) -> bool {
        self.joined <= day && self.left.is_none_or(|left| day < left)
    }
}

/// Everybody.
pub(super) struct Company {
    pub(super) people: Vec<Person>,
}

impl Company {
    /// Hires for a platform that was introduced before `first` and has spread until `last`.
    pub(super) fn found(first: Day, last: Day, rng: &mut Rng) -> Self {
        let mut people = Vec::new();
        for department in DEPARTMENTS {
            for place in 0..department.people {
                let person = hire(department, place, people.len(), first, last, rng);
                people.push(person);
            }
        }
        Self { people }
    }

    /// The `nth` person of a department; the first three are there from the beginning.
    pub(super) fn veteran(&self, department: &str, nth: usize) -> &Person {
        let colleagues = self.people.iter().filter(|person| person.department.name == department);
        colleagues.take(3).nth(nth).unwrap_or(&self.people[0])
    }
}

/// The first three of each department are there from the beginning and do not leave by chance: the incidents are
/// about them.
fn hire(
    department: &'static Department,
    place: usize,
    at: usize,
    first: Day,
    last: Day,
    rng: &mut Rng,
) -> Person {
    let stays = place < 3;
    let joins_later = !stays && rng.chance(0.4);
    let joined = if joins_later { Day(rng.between(first.0, last.0)) } else { Day(i64::MIN) };
    let leaves = !stays && rng.chance(0.08);
    let left = (leaves && joined < last).then(|| Day(rng.between(joined.0.max(first.0) + 1, last.0 + 1)));
    let site = if department.name == "IT" && stays { &SITES[0].0 } else { rng.pick_weighted(SITES) };
    let (name, email) = name_of(at);
    let browser: &'static str = rng.pick_weighted::<&str>(BROWSERS);
    let host = |rng: &mut Rng| u8::try_from(rng.below(250)).unwrap_or(0) + 2;
    Person {
        id: uuid_4(rng),
        name,
        email,
        department,
        site,
        is_admin: department.name == "IT" && place < 3,
        office_ip: Ipv4Addr::new(10, site.network, host(rng), host(rng)).into(),
        home_ip: Ipv4Addr::new(198, 51, 100, host(rng)).into(),
        browser,
        joined,
        left,
        keenness: 0.4 + 1.2 * rng.unit(),
        has_scripts: matches!(department.name, "Engineering" | "IT" | "Parts Catalog") && place % 7 == 1,
    }
}

/// No two people share a name: the step through the last names has no divisor in common with their number.
fn name_of(at: usize) -> (String, String) {
    let first = FIRST_NAMES[(at * 17) % FIRST_NAMES.len()];
    let last = LAST_NAMES[(at * 23 + at / FIRST_NAMES.len() * 7) % LAST_NAMES.len()];
    (format!("{first} {last}"), format!("{}.{}@{DOMAIN}", first.to_lowercase(), last.to_lowercase()))
}

/// A random UUID, as Open WebUI gives them to what it keeps.
pub(super) fn uuid_4(rng: &mut Rng) -> String {
    uuid_text(rng.next_u64(), rng.next_u64(), 4)
}

/// 128 bits as a UUID of that version (RFC 9562).
pub(super) fn uuid_text(high: u64, low: u64, version: u64) -> String {
    let high = high & !0xF000 | version << 12;
    let low = low & !(3 << 62) | 1 << 63;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everybody_has_an_own_address() {
        let company = Company::found(Day(20_000), Day(20_365), &mut Rng::new(3));
        let addresses: HashSet<_> = company.people.iter().map(|person| &person.email).collect();
        assert_eq!(addresses.len(), company.people.len());
        assert!(company.people.len() > 150);
    }

    #[test]
    fn some_come_and_some_go() {
        let company = Company::found(Day(20_000), Day(20_365), &mut Rng::new(3));
        let here = |day| company.people.iter().filter(|person| person.is_here(Day(day))).count();
        assert!(here(20_365) > here(20_000) + 20);
        assert!(company.people.iter().any(|person| person.left.is_some()));
    }

    #[test]
    fn uuids_have_version_and_variant() {
        assert_eq!(uuid_text(u64::MAX, u64::MAX, 4), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
