//! Reads the lists of Open WebUI's API, page by page.

use std::collections::HashSet;

use anyhow::bail;
use audit_pipeline::sources::openwebui::inventory::{Kind, List, Object, read_page};
use http::StatusCode;

use crate::{
    output::{Bar, count},
    platform::{Platform, Refusal},
};

/// Pages of one list; no list of an Open WebUI is as long.
const MAX_PAGES: u32 = 1_000_000;

/// What there is, as far as it could be read.
#[derive(Default)]
pub(super) struct Inventory {
    pub objects: Vec<Object>,
    /// Kinds that could not be read, and why.
    pub unread: Vec<(Kind, String)>,
    /// What makes a list doubtful.
    pub doubts: Vec<String>,
}

/// Why a list could not be read.
enum Unread {
    Refused(Refusal),
    NoList(String),
}

/// Reads all objects of these kinds, of whatever time.
///
/// # Errors
/// When the token is not an administrator's, whose lists would be those of one person; or not one list can be read.
pub(super) async fn read(platform: &Platform, token: &str, kinds: &[Kind]) -> anyhow::Result<Inventory> {
    let reader = Reader { platform, token };
    reader.check_admin().await?;
    let mut inventory = Inventory::default();
    let mut users: Option<Vec<String>> = None;
    for kind in kinds {
        match kind {
            Kind::Chat => {}
            _ => match reader.whole(&List::Of(*kind), &mut inventory.doubts).await {
                Ok(objects) => {
                    if *kind == Kind::User {
                        users = Some(objects.iter().map(|user| user.id.clone()).collect());
                    }
                    inventory.objects.extend(objects);
                }
                Err(unread) => inventory.unread.push((*kind, unread.reason(*kind))),
            },
        }
    }
    if kinds.contains(&Kind::Chat) {
        match reader.chats(users, &mut inventory.doubts).await {
            Ok(chats) => inventory.objects.extend(chats),
            Err(unread) => inventory.unread.push((Kind::Chat, unread.reason(Kind::Chat))),
        }
    }
    if inventory.unread.len() == kinds.len()
        && let Some((kind, why)) = inventory.unread.first()
    {
        bail!("{}: no list could be read ({}: {why})", platform.url(), kind.plural());
    }
    Ok(inventory)
}

struct Reader<'a> {
    platform: &'a Platform,
    token: &'a str,
}

impl Reader<'_> {
    /// Others are shown what is theirs, which looks like a whole list.
    async fn check_admin(&self) -> anyhow::Result<()> {
        let refused = match self.platform.list(&List::Of(Kind::User).target(1), self.token).await {
            Err(refused @ Refusal::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _)) => refused,
            Err(Refusal::NoAnswer(why)) => bail!("{} does not answer: {why}", self.platform.url()),
            Ok(_) | Err(Refusal::Status(..)) => return Ok(()),
        };
        let why = Unread::Refused(refused).reason(Kind::User);
        bail!("{}: only an administrator sees all, and the list of users {why}", self.platform.url())
    }

    /// The chats of all users; their list is read if it was not yet.
    async fn chats(
        &self,
        users: Option<Vec<String>>,
        doubts: &mut Vec<String>,
    ) -> Result<Vec<Object>, Unread> {
        let users = match users {
            Some(users) => users,
            None => {
                let users = self.whole(&List::Of(Kind::User), doubts).await?;
                users.into_iter().map(|user| user.id).collect()
            }
        };
        let bar = Bar::counting("reading the chats of each user", users.len() as u64);
        let mut chats = Vec::new();
        for user in users {
            chats.extend(self.pages(&List::ChatsOf(user), &mut |_, _| {}).await?.0);
            bar.advance(1);
        }
        bar.clear();
        Ok(chats)
    }

    /// A whole list. When it has fewer objects than it says, because it changed while it was read, it is read once
    /// more.
    async fn whole(&self, list: &List, doubts: &mut Vec<String>) -> Result<Vec<Object>, Unread> {
        let bar = Bar::counting(format!("reading {}", list.kind().plural()), 0);
        let mut show = |done: u64, total: Option<u64>| {
            bar.set_total(total.unwrap_or(done));
            bar.set(done);
        };
        let (mut objects, mut total) = self.pages(list, &mut show).await?;
        if (objects.len() as u64) < total {
            (objects, total) = self.pages(list, &mut show).await?;
        }
        bar.clear();
        let read = objects.len() as u64;
        if read < total {
            doubts.push(format!(
                "the list of {} says it has {} and gave {}: it changed while it was read",
                list.kind().plural(),
                count(total),
                count(read)
            ));
        }
        Ok(objects)
    }

    /// Page after page, up to an empty one; and how many objects the list says it has.
    async fn pages(
        &self,
        list: &List,
        show: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<(Vec<Object>, u64), Unread> {
        let mut objects: Vec<Object> = Vec::new();
        let mut known = HashSet::new();
        let mut total = None;
        for page in 1..=MAX_PAGES {
            let body = self.platform.list(&list.target(page), self.token).await.map_err(Unread::Refused)?;
            let page = read_page(list, &body).map_err(|error| Unread::NoList(error.to_string()))?;
            total = page.total.or(total);
            let is_last = page.objects.is_empty();
            let before = objects.len();
            objects.extend(page.objects.into_iter().filter(|object| known.insert(object.id.clone())));
            show(objects.len() as u64, total);
            let has_all = total.is_some_and(|total| objects.len() as u64 >= total);
            // A page that has nothing new would come for ever.
            let is_the_same_again = objects.len() == before;
            if is_last || has_all || is_the_same_again || list.is_whole() {
                break;
            }
        }
        let total = total.unwrap_or(objects.len() as u64);
        Ok((objects, total))
    }
}

impl Unread {
    /// One sentence on why, and what to do.
    fn reason(self, kind: Kind) -> String {
        let refusal = match self {
            Self::NoList(why) => return why,
            Self::Refused(refusal) => refusal,
        };
        let advice = match &refusal {
            Refusal::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) if kind == Kind::Chat => {
                "; is the token an admin's, and ENABLE_ADMIN_CHAT_ACCESS on?"
            }
            Refusal::Status(StatusCode::UNAUTHORIZED, _) => "; is the token an admin's, and still good?",
            Refusal::Status(StatusCode::FORBIDDEN, _) => {
                "; are API keys allowed there (ENABLE_API_KEYS, and their endpoint restrictions)?"
            }
            Refusal::Status(..) | Refusal::NoAnswer(_) => "",
        };
        format!("{refusal}{advice}")
    }
}
