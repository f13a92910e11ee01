//! What an answer gives away.

use super::report::{Breach, Finding, Place};
use super::secret::{self, Form};
use super::volley::{Expect, How, Shot, Sides, Who};
use super::wire::{Answer, Came, Fault};

/// What is wrong with an answer, and what is only worth telling.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) breaches: Vec<Breach>,
    pub(crate) findings: Vec<Finding>,
}

/// Judges what came of a shot. `mark` is what [`Attack::ForeignWrite`](super::Attack::ForeignWrite) wrote.
pub(crate) fn judge(sides: &Sides, mark: &str, shot: &Shot, how: How, came: &Came) -> Verdict {
    match came {
        Ok(answer) => of_answer(sides, mark, shot, answer),
        Err(fault) => of_fault(sides, shot, how, fault),
    }
}

fn of_fault(sides: &Sides, shot: &Shot, how: How, fault: &Fault) -> Verdict {
    let mut verdict = Verdict::default();
    match (shot.expect, fault) {
        // A server may close a connection on which more was sent than it wants to answer.
        (Expect::Own(who), _) if how != How::Pipelined => verdict.breaches.push(not_its_own(sides, who)),
        (Expect::Spelling(_), Fault::Closed) => verdict.findings.push(Finding::SpellingRefused),
        // To close it is one way to refuse.
        (Expect::Own(_), _) | (_, Fault::Timeout | Fault::Malformed) => {
            verdict.findings.push(Finding::NoAnswer);
        }
        _ => {}
    }
    verdict
}

fn of_answer(sides: &Sides, mark: &str, shot: &Shot, answer: &Answer) -> Verdict {
    let mut verdict = Verdict::default();
    let mut told = None;
    for who in Who::BOTH {
        let side = sides.get(who);
        match find(answer, &side.secret) {
            Some(_) if allowed(sides, shot, who) => told = Some(who),
            Some((place, form)) => {
                verdict.breaches.push(Breach::Leaked { host: side.host.clone(), place, form });
            }
            None => {}
        }
    }
    // Whoever writes it may be answered with it.
    if find(answer, mark).is_some() && !shot.draft.holds(mark) {
        verdict.breaches.push(Breach::Written);
    }
    let served = answer.serves();
    match shot.expect {
        Expect::Own(who) if !served || told.is_none() => verdict.breaches.push(not_its_own(sides, who)),
        Expect::Spelling(_) if told.is_none() && verdict.breaches.is_empty() => {
            verdict.findings.push(Finding::SpellingRefused);
        }
        Expect::Malformed(_) if told.is_some() => verdict.findings.push(Finding::MalformedServed),
        Expect::Target(_) if told.is_some() => verdict.findings.push(Finding::TargetServed),
        Expect::Nothing if served && verdict.breaches.is_empty() => {
            verdict.findings.push(Finding::ServedWithoutSecret);
        }
        Expect::Refusal if served => verdict.breaches.push(Breach::Served),
        _ => {}
    }
    if answer.cut {
        verdict.findings.push(Finding::BodyCut);
    }
    verdict
}

/// Whether an answer to the shot may hold this side's secret.
fn allowed(sides: &Sides, shot: &Shot, who: Who) -> bool {
    match shot.expect {
        Expect::Own(side) | Expect::Spelling(side) | Expect::AtMost(side) | Expect::Malformed(side) => {
            side == who
        }
        Expect::Target(side) => side == who && (shot.by == Some(who) || !sides.has_credentials(who)),
        Expect::Nothing | Expect::Refusal => false,
    }
}

fn not_its_own(sides: &Sides, who: Who) -> Breach {
    Breach::NotItsOwn { host: sides.get(who).host.clone() }
}

fn find(answer: &Answer, secret: &str) -> Option<(Place, Form)> {
    let in_head = || secret::find(&answer.head(), secret).map(|form| (Place::Head, form));
    secret::find(&answer.body, secret).map(|form| (Place::Body, form)).or_else(in_head)
}

#[cfg(test)]
mod tests {
    use super::super::side::{Ask, Side};
    use super::*;

    fn sides() -> Sides {
        let side = |name: &str| {
            let secret = format!("secret-of-{name}");
            Side::new(format!("{name}.example"), Ask::get("/"), secret).credential("token", name)
        };
        Sides([side("acme"), side("globex")])
    }

    fn answer(status: u16, body: &str) -> Came {
        Ok(Answer { status, body: body.into(), ..Answer::default() })
    }

    fn verdict(by: Who, expect: Expect, came: &Came) -> (Vec<String>, Vec<Finding>) {
        let sides = sides();
        let shot = Shot { draft: sides.read(by), by: Some(by), expect };
        let verdict = judge(&sides, "mark-7", &shot, How::Apart, came);
        (verdict.breaches.iter().map(ToString::to_string).collect(), verdict.findings)
    }

    const MINE: &str = "<secret-of-acme>";
    const THEIRS: &str = "<secret-of-globex>";

    #[test]
    fn the_secret_of_one_who_did_not_ask_is_a_breach_whatever_was_expected() {
        for expect in [
            Expect::Own(Who::One),
            Expect::Spelling(Who::One),
            Expect::AtMost(Who::One),
            Expect::Malformed(Who::One),
            Expect::Target(Who::One),
            Expect::Nothing,
            Expect::Refusal,
        ] {
            for status in [200, 404, 500] {
                let (breaches, _) = verdict(Who::One, expect, &answer(status, &format!("{MINE}{THEIRS}")));
                let leak = "the secret of globex.example is in the body, as it is";
                assert!(breaches.iter().any(|breach| breach == leak), "{expect:?} {status}");
            }
        }
    }

    #[test]
    fn an_own_request_has_to_be_answered_with_its_own_secret() {
        let own = |came: &Came| verdict(Who::One, Expect::Own(Who::One), came).0.len();
        assert_eq!(own(&answer(200, MINE)), 0);
        assert_eq!(own(&answer(200, "")), 1);
        assert_eq!(own(&answer(304, "")), 1);
        assert_eq!(own(&answer(500, MINE)), 1, "a failure that tells the secret");
        assert_eq!(own(&Err(Fault::Closed)), 1);
        assert_eq!(own(&answer(200, "<secret-of-acme> mark-7")), 1, "somebody else wrote to it");
    }

    #[test]
    fn what_is_served_though_malformed_is_told() {
        let one = |expect, came: &Came| verdict(Who::One, expect, came);
        let (breaches, findings) = one(Expect::Malformed(Who::One), &answer(200, MINE));
        assert_eq!((breaches.len(), findings), (0, vec![Finding::MalformedServed]));
        let (breaches, findings) = one(Expect::Target(Who::One), &answer(200, MINE));
        assert_eq!((breaches.len(), findings), (0, vec![Finding::TargetServed]));
        let (breaches, findings) = one(Expect::Target(Who::Other), &answer(200, THEIRS));
        assert_eq!((breaches.len(), findings.len()), (1, 0), "not with the credentials of another");
        for status in [200, 404] {
            let (_, findings) = one(Expect::Spelling(Who::One), &answer(status, ""));
            assert_eq!(findings, [Finding::SpellingRefused]);
        }
        assert_eq!(one(Expect::Nothing, &answer(200, "")).1, [Finding::ServedWithoutSecret]);
        assert_eq!(one(Expect::Nothing, &answer(404, "")).1, []);
        assert_eq!(one(Expect::Refusal, &answer(200, "")).0.len(), 1);
        assert_eq!(one(Expect::Refusal, &Err(Fault::Timeout)).1, [Finding::NoAnswer]);
    }

    #[test]
    fn a_refusal_of_grpc_is_a_refusal() {
        let headers = vec![("grpc-status".to_owned(), b"5".to_vec())];
        let came = Ok(Answer { status: 200, headers, ..Answer::default() });
        assert_eq!(verdict(Who::One, Expect::Refusal, &came), (vec![], vec![]));
    }

    #[test]
    fn a_secret_is_looked_for_in_headers_trailers_and_the_first_line() {
        let field = vec![("x-note".to_owned(), THEIRS.into())];
        for answer in [
            Answer { headers: field.clone(), ..Answer::default() },
            Answer { trailers: field, ..Answer::default() },
            Answer { reason: THEIRS.into(), ..Answer::default() },
        ] {
            assert_eq!(verdict(Who::One, Expect::AtMost(Who::One), &Ok(answer)).0.len(), 1);
        }
    }
}
