//! [`Fault`]: a rule of the script, said word by word; and the script that keeps them.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Effect;
use super::calls::Call;
use super::gate::{Gate, Turn, Turns};
use super::route::Route;
use super::server::FaultyTms;

/// A rule in the making: which calls ([`key`](Fault::key), [`times`](Fault::times)), when the answer leaves
/// ([`delayed`](Fault::delayed), [`behind`](Fault::behind)), and, as the last word, what it is.
///
/// A rule with `times` is used up after so many calls; several of them come one after the other. Without `times` it
/// stands until [`FaultyTms::heal`], or until another one for the same endpoint and key takes its place. Rules with
/// `times` come first, then the one for endpoint and key, the one for the endpoint, the one for every endpoint.
///
/// What an answer says is decided when its call comes in, and carried out then: a call whose answer is held back or lost
/// has happened. Only [`status`](Fault::status), [`says`](Fault::says) and the other words that put an answer in the
/// place of the real one keep a call from being carried out, and [`never`](Fault::never).
#[derive(Debug)]
#[must_use = "nothing changes before the last word, such as `status`"]
pub struct Fault<'a> {
    tms: &'a FaultyTms,
    rule: Rule,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// `None` for every endpoint.
    route: Option<Route>,
    key: Option<String>,
    /// `None` without end.
    left: Option<usize>,
    plan: Plan,
    turns: Option<Arc<Turns>>,
}

/// What becomes of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) delay: Duration,
    pub(super) gate: Option<Gate>,
    pub(super) effect: Effect,
}

impl FaultyTms {
    /// Begins a rule for an endpoint.
    pub fn on(&self, route: Route) -> Fault<'_> {
        Fault { tms: self, rule: Rule::of(Some(route)) }
    }

    /// Begins a rule for every endpoint, that of tokens included.
    pub fn on_all(&self) -> Fault<'_> {
        Fault { tms: self, rule: Rule::of(None) }
    }

    /// Drops all rules: what comes from now on is answered as it should be. What is on its way stays as it is.
    pub fn heal(&self) {
        self.shared().lock().script = Script::default();
    }
}

impl Fault<'_> {
    /// Only for calls about this tenant, host or API key, written as the client sends it.
    pub fn key(mut self, key: &str) -> Self {
        self.rule.key = Some(key.to_owned());
        self
    }

    /// Only for the next so many calls.
    pub fn times(mut self, calls: usize) -> Self {
        self.rule.left = Some(calls);
        self
    }

    /// The answer leaves after this, in real time.
    pub fn delayed(mut self, by: Duration) -> Self {
        self.rule.plan.delay = by;
        self
    }

    /// The answer leaves when the gate lets it through.
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.rule.plan.gate = Some(gate.clone());
        self
    }

    /// The answer is as it should be. With nothing before it, this ends a standing rule.
    pub fn well(self) {
        self.effect(Effect::AsItShould);
    }

    /// An error with this status, and a body as all errors have.
    pub fn status(self, status: u16) {
        self.effect(Effect::error(status));
    }

    /// 429 with `Retry-After`, in whole seconds.
    pub fn too_many(self, retry_after: Duration) {
        self.says_with(429, &[("retry-after", &retry_after.as_secs().to_string())], TOO_MANY);
    }

    /// This status and this body.
    pub fn says(self, status: u16, body: &str) {
        self.says_with(status, &[], body);
    }

    /// This status, these headers and this body.
    pub fn says_with(self, status: u16, headers: &[(&str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.effect(Effect::Says { status, headers, body: body.to_owned() });
    }

    /// 200 `null`: there is no such tenant.
    pub fn null(self) {
        self.says(200, "null");
    }

    /// 200 and a page in HTML, as from a proxy that has something to say.
    pub fn garbage(self) {
        self.says_with(200, &[("content-type", "text/html")], "<html><body>Welcome!</body></html>");
    }

    /// The answer's JSON ends in the middle; the HTTP around it is whole.
    pub fn truncated(self) {
        self.effect(Effect::Truncated);
    }

    /// The connection is cut in the middle of the answer's body. A feed is cut after half a frame.
    pub fn cut(self) {
        self.effect(Effect::Cut);
    }

    /// The record of a tenant that nobody asked for, in the place of a tenant's.
    pub fn wrong_tenant(self) {
        self.effect(Effect::WrongTenant);
    }

    /// The list comes without its `X-Cursor`.
    pub fn without_cursor(self) {
        self.effect(Effect::WithoutCursor);
    }

    /// No answer at all, on a connection that stays open.
    pub fn never(self) {
        self.effect(Effect::Never);
    }

    /// The next so many calls wait for each other and are answered in reverse order: the last one first.
    pub fn reversed(mut self, calls: usize) {
        self.rule.left = Some(calls);
        self.rule.turns = Some(Turns::new(calls));
        self.well();
    }

    fn effect(mut self, effect: Effect) {
        self.rule.plan.effect = effect;
        self.tms.shared().lock().script.add(self.rule);
    }
}

const TOO_MANY: &str = r#"{"detail":"Too many requests.","code":"too_many_requests"}"#;

impl Rule {
    fn of(route: Option<Route>) -> Self {
        Self { route, key: None, left: None, plan: Plan::default(), turns: None }
    }

    fn fits(&self, call: &Call) -> bool {
        self.route.is_none_or(|route| route == call.route)
            && self.key.as_ref().is_none_or(|key| *key == call.key)
    }

    /// Of two standing rules that fit, the one with the greater rank counts.
    fn rank(&self) -> (bool, bool) {
        (self.key.is_some(), self.route.is_some())
    }
}

/// All rules.
#[derive(Debug, Default)]
pub(super) struct Script {
    limited: Vec<Rule>,
    standing: Vec<Rule>,
}

impl Script {
    fn add(&mut self, rule: Rule) {
        if rule.left.is_some() {
            self.limited.push(rule);
            return;
        }
        self.standing.retain(|other| (other.route, &other.key) != (rule.route, &rule.key));
        self.standing.push(rule);
    }

    /// What becomes of this call; uses up rules that are limited.
    pub(super) fn plan(&mut self, call: &Call) -> (Plan, Option<Turn>) {
        self.limited.retain(|rule| rule.left != Some(0));
        let Some(rule) = self.limited.iter_mut().find(|rule| rule.fits(call)) else {
            let standing = self.standing.iter().filter(|rule| rule.fits(call)).max_by_key(|rule| rule.rank());
            return (standing.map(|rule| rule.plan.clone()).unwrap_or_default(), None);
        };
        let left = rule.left.unwrap_or_default();
        rule.left = Some(left - 1);
        let turn = rule.turns.as_ref().map(|turns| Turn::new(turns, turns.calls() - left));
        (rule.plan.clone(), turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(route: Option<Route>, key: Option<&str>, left: Option<usize>, status: u16) -> Rule {
        let plan = Plan { effect: Effect::error(status), ..Plan::default() };
        Rule { key: key.map(str::to_owned), left, plan, ..Rule::of(route) }
    }

    fn status(script: &mut Script, route: Route, key: &str) -> Option<u16> {
        let (line, key) = (String::new(), key.to_owned());
        let call = Call { route, key, line, api_key: None, bearer: None, cursor: None };
        match script.plan(&call).0.effect {
            Effect::Says { status, .. } => Some(status),
            _ => None,
        }
    }

    #[test]
    fn limited_rules_come_first_and_one_after_the_other() {
        let mut script = Script::default();
        script.add(rule(Some(Route::Tenant), None, None, 500));
        script.add(rule(Some(Route::Tenant), None, Some(2), 501));
        script.add(rule(None, None, Some(1), 502));
        let told: Vec<_> = (0..4).map(|_| status(&mut script, Route::Tenant, "acme")).collect();
        assert_eq!(told, [Some(501), Some(501), Some(502), Some(500)]);
        assert_eq!(status(&mut script, Route::Host, "shop.example"), None);
    }

    #[test]
    fn the_closest_standing_rule_counts_and_the_last_of_its_kind() {
        let mut script = Script::default();
        script.add(rule(Some(Route::Tenant), Some("acme"), None, 500));
        script.add(rule(None, None, None, 501));
        script.add(rule(Some(Route::Tenant), None, None, 502));
        assert_eq!(status(&mut script, Route::Tenant, "acme"), Some(500));
        assert_eq!(status(&mut script, Route::Tenant, "globex"), Some(502));
        assert_eq!(status(&mut script, Route::List, ""), Some(501));
        script.add(rule(Some(Route::Tenant), Some("acme"), None, 503));
        assert_eq!(status(&mut script, Route::Tenant, "acme"), Some(503));
    }
}
