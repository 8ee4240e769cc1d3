//! Who somebody is, and what they may do, by what the provider says.

use serde_json::{Map, Value};

use super::Refusal;
use super::settings::{Grant, Settings};

/// Longer names are cut.
const LONGEST_NAME: usize = 200;

/// A person, proven by the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The provider's id, which never changes.
    pub subject: String,
    /// What they are called, or their address, or the id.
    pub name: String,
    /// Their address, as the provider says it.
    pub email: Option<String>,
    /// Their department.
    pub department: Option<String>,
}

/// A person who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub person: Person,
    /// What they may do.
    pub grant: Grant,
}

impl Identity {
    /// Reads claims.
    ///
    /// # Errors
    /// [`Refusal::NoRole`] and [`Refusal::NoDepartment`].
    pub fn of(claims: &Map<String, Value>, settings: &Settings) -> Result<Self, Refusal> {
        let person = Person::of(claims, settings);
        let groups = texts(find(claims, &settings.role_claim));
        let granted = settings.roles.iter().filter(|(group, _)| groups.contains(&group.as_str()));
        let best = granted.map(|(_, grant)| grant).min_by(|a, b| a.rank().cmp(&b.rank()));
        let Some(grant) = best.or(settings.default_role.as_ref()).cloned() else {
            return Err(Refusal::NoRole(Box::new(person)));
        };
        if grant.own_department && person.department.is_none() {
            return Err(Refusal::NoDepartment(Box::new(person)));
        }
        Ok(Self { person, grant })
    }
}

impl Person {
    fn of(claims: &Map<String, Value>, settings: &Settings) -> Self {
        let text = |name: &str| texts(find(claims, name)).first().map(|text| cut(text));
        // Whole, as what tells people apart.
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let email = text("email");
        let name = text("name").or_else(|| text("preferred_username")).or_else(|| email.clone());
        let department = settings.department_claim.as_deref().and_then(text);
        Self { name: name.unwrap_or_else(|| subject.clone()), subject, email, department }
    }
}

/// Whether something that decides, or names the person, is not among these claims.
pub(super) fn lacks_something(claims: &Map<String, Value>, settings: &Settings) -> bool {
    let wanted = [
        Some(settings.role_claim.as_str()),
        settings.department_claim.as_deref(),
        Some("name"),
        Some("email"),
    ];
    wanted.into_iter().flatten().any(|name| find(claims, name).is_none())
}

/// A claim by its name, or by the path to it.
fn find<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    })
}

/// The texts of a claim that has one or several; empty ones say nothing.
fn texts(claim: Option<&Value>) -> Vec<&str> {
    let all = match claim {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    all.into_iter().filter(|text| !text.trim().is_empty()).collect()
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(claims: &Value) -> Result<Identity, Refusal> {
        Identity::of(claims.as_object().unwrap(), &super::super::tests::settings())
    }

    fn role(claims: &Value) -> Option<(String, bool)> {
        identity(claims).ok().map(|identity| (identity.grant.role, identity.grant.own_department))
    }

    #[test]
    fn groups_give_roles_and_the_widest_counts() {
        let check = |groups: Value, expected: Option<(&str, bool)>| {
            let claims = json!({"sub": "1", "groups": groups, "department": "Sales"});
            let expected = expected.map(|(role, own)| (role.to_owned(), own));
            assert_eq!(role(&claims), expected, "{claims}");
        };
        check(json!(["audit-admins"]), Some(("admin", false)));
        check(json!("auditors"), Some(("auditor", false)));
        check(json!(["leads", "auditors", "others"]), Some(("auditor", false)));
        check(json!(["leads"]), Some(("viewer", true)));
        check(json!(["Audit-Admins", "others", 7, null]), None);
        check(json!({"audit-admins": true}), None);
        assert_eq!(role(&json!({"sub": "1"})), None, "deny by default");
    }

    #[test]
    fn somebody_of_no_department_does_not_see_all_of_them() {
        for department in [json!(null), json!(""), json!("  "), json!([])] {
            let claims = json!({"sub": "1", "groups": ["leads"], "department": department});
            assert!(matches!(identity(&claims), Err(Refusal::NoDepartment(_))), "{claims}");
        }
    }

    #[test]
    fn claims_may_be_inside_of_others_or_have_dots_in_their_names() {
        let claims = json!({"realm_access": {"roles": ["a"]}, "https://x.example/roles": ["b"], "a.b": "c"});
        let claims = claims.as_object().unwrap();
        assert_eq!(texts(find(claims, "realm_access.roles")), ["a"]);
        assert_eq!(texts(find(claims, "https://x.example/roles")), ["b"]);
        assert_eq!(texts(find(claims, "a.b")), ["c"]);
        assert!(find(claims, "realm_access.roles.x").is_none());
    }

    #[test]
    fn somebody_is_called_by_the_best_name_there_is() {
        let name =
            |claims: Value| Person::of(claims.as_object().unwrap(), &super::super::tests::settings()).name;
        assert_eq!(name(json!({"sub": "1", "name": "Ada\u{7} L", "email": "a@x"})), "Ada L");
        assert_eq!(name(json!({"sub": "1", "preferred_username": "ada", "email": "a@x"})), "ada");
        assert_eq!(name(json!({"sub": "1", "email": "a@x"})), "a@x");
        assert_eq!(name(json!({"sub": "1"})), "1");
    }
}
