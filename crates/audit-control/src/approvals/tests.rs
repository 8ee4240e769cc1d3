use super::*;

const START: i64 = 1_774_008_000_000_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(START + minutes * 60_000_000)
}

fn party(id: &str) -> Party {
    Party { id: id.to_owned(), name: id.to_uppercase() }
}

fn hands(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|hand| (*hand).to_owned()).collect()
}

fn open() -> (tempfile::TempDir, Control) {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::open(&directory.path().join("control.db")).unwrap();
    (directory, control)
}

/// Ada asks at that minute to remove a source; requests are good for an hour.
fn ask(control: &Control, source: &str, minute: i64) -> Asked {
    control
        .ask_approval("source.remove", source, &party("ada"), &hands(&["ada"]), at(minute), at(minute + 60))
        .unwrap()
}

fn asked_anew(asked: Asked) -> Approval {
    match asked {
        Asked::New(approval) => approval,
        other => panic!("{other:?}"),
    }
}

fn approve(control: &Control, id: &str, minute: i64) -> Result<Approval> {
    control.decide_approval(id, &party("bob"), Decision::Approve, Some("fine"), at(minute))
}

#[test]
fn what_a_second_admin_approved_can_be_done_once() {
    let (_kept, control) = open();
    let request = asked_anew(ask(&control, "main", 0));
    assert_eq!(ask(&control, "main", 1), Asked::Pending(request.clone()));

    let approved = approve(&control, &request.id, 2).unwrap();
    assert_eq!(approved.decided, Some((party("bob"), at(2))));
    assert_eq!(approved.note.as_deref(), Some("fine"));
    match ask(&control, "main", 3) {
        Asked::Cleared(used) => assert_eq!((used.id, used.used), (request.id.clone(), Some(at(3)))),
        other => panic!("{other:?}"),
    }
    assert_ne!(asked_anew(ask(&control, "main", 4)).id, request.id);
}

#[test]
fn an_approval_is_for_one_act_of_one_person() {
    let (_kept, control) = open();
    let request = asked_anew(ask(&control, "main", 0));
    approve(&control, &request.id, 1).unwrap();
    asked_anew(ask(&control, "other", 2));
    let eve = control
        .ask_approval("source.remove", "main", &party("eve"), &hands(&["eve"]), at(2), at(62))
        .unwrap();
    asked_anew(eve);
}

#[test]
fn nobody_decides_their_own_request_and_nobody_else_withdraws_it() {
    let (_kept, control) = open();
    let id = asked_anew(ask(&control, "main", 0)).id;
    for (who, decision) in
        [("ada", Decision::Approve), ("ada", Decision::Refuse), ("bob", Decision::Withdraw)]
    {
        let decided = control.decide_approval(&id, &party(who), decision, None, at(1));
        assert!(matches!(decided, Err(Error::OwnRequest | Error::NotTheRequester)), "{who} {decision:?}");
    }
    let withdrawn = control.decide_approval(&id, &party("ada"), Decision::Withdraw, None, at(1)).unwrap();
    assert_eq!(withdrawn.state, ApprovalState::Withdrawn);
}

#[test]
fn what_is_decided_stays_so() {
    let (_kept, control) = open();
    let id = asked_anew(ask(&control, "main", 0)).id;
    control.decide_approval(&id, &party("bob"), Decision::Refuse, None, at(1)).unwrap();
    let again = approve(&control, &id, 2);
    assert!(matches!(again, Err(Error::ApprovalOver { state: ApprovalState::Refused })));
    assert!(matches!(approve(&control, "apr_none", 2), Err(Error::NoSuchApproval { .. })));
}

#[test]
fn time_ends_requests_and_approvals_alike() {
    let (_kept, control) = open();
    let pending = asked_anew(ask(&control, "pending", 0)).id;
    let approved = asked_anew(ask(&control, "approved", 0)).id;
    approve(&control, &approved, 59).unwrap();
    assert!(control.expire_approvals(at(59)).unwrap().is_empty());

    let late = approve(&control, &pending, 60);
    assert!(matches!(late, Err(Error::ApprovalOver { state: ApprovalState::Expired })));
    asked_anew(ask(&control, "approved", 60));
    let mut expired: Vec<_> =
        control.expire_approvals(at(60)).unwrap().into_iter().map(|approval| approval.id).collect();
    expired.sort();
    let mut both = [pending, approved];
    both.sort();
    assert_eq!(expired, both);
    assert!(control.expire_approvals(at(61)).unwrap().is_empty());
    assert_eq!(control.approvals(10).unwrap().len(), 3);
}

#[test]
fn a_request_is_in_the_hands_of_all_who_asked() {
    let (_kept, control) = open();
    let request = asked_anew(ask(&control, "main", 0));
    assert_eq!(request.hands, hands(&["ada"]));
    let now = hands(&["bob"]);
    control.ask_approval("source.remove", "main", &party("ada"), &now, at(1), at(61)).unwrap();
    assert_eq!(control.approval(&request.id).unwrap().hands, hands(&["ada", "bob"]));
}

#[test]
fn an_approval_goes_with_the_right_to_give_it() {
    let (_kept, control) = open();
    let request = asked_anew(ask(&control, "main", 0));
    approve(&control, &request.id, 1).unwrap();
    assert_eq!(control.void_approvals(|_| true).unwrap(), []);
    let void = control.void_approvals(|decider| decider.id != "bob").unwrap();
    assert_eq!((void[0].id.as_str(), void[0].state), (request.id.as_str(), ApprovalState::Expired));
    assert_eq!(control.void_approvals(|_| false).unwrap(), [], "told once");
    assert_ne!(asked_anew(ask(&control, "main", 2)).id, request.id);
}
