//! Headers by which a client speaks for another host or tenant.

use super::Plan;
use crate::testing::volley::{Expect, Shot, Volley, Who};

/// Headers that some server, framework or proxy takes for the host.
const HOST_HEADERS: [&str; 9] = [
    "X-Forwarded-Host",
    "X-Original-Host",
    "X-Host",
    "X-HTTP-Host-Override",
    "X-Real-Host",
    "X-Forwarded-Server",
    "X-Forwarded-For-Host",
    "Forwarded-Host",
    "X-Envoy-Original-Host",
];

/// Headers that are taken for a URL.
const URL_HEADERS: [&str; 4] = ["X-Rewrite-URL", "X-Original-URL", "Origin", "Referer"];

/// Headers that are taken for a tenant.
const TENANT_HEADERS: [&str; 4] = ["X-Tenant", "X-Tenant-ID", "X-Tenant-Name", "X-Org-ID"];

impl Plan<'_> {
    /// At a side's host by the side itself, naming the other: nothing may change. And there by the other, naming itself:
    /// where its credentials do not help, no header may.
    pub(super) fn forwarded_headers(&self) -> Vec<Volley> {
        self.apart(|who| {
            let named = who.opposite();
            let words = &self.sides.get(named).reads;
            let mut shots = Vec::new();
            for (name, value) in self.spoofs(named, who) {
                let draft = self.sides.read(who).header(&name, value.clone());
                shots.push(Shot { draft, by: Some(who), expect: Expect::AtMost(who) });
                if self.sides.has_credentials(named) {
                    let draft = self.sides.ask(words, who, Some(named)).header(&name, value);
                    shots.push(Shot { draft, by: Some(named), expect: Expect::Nothing });
                }
            }
            shots
        })
    }

    fn spoofs(&self, named: Who, asked: Who) -> Vec<(String, String)> {
        let side = self.sides.get(named);
        let (host, mine, path) = (&side.host, &self.sides.get(asked).host, &side.reads.path);
        let (label, _) = side.split_label();
        let mut spoofs = vec![
            ("Forwarded", format!("host={host}")),
            ("Forwarded", format!("for=192.0.2.1;host=\"{host}\";proto=https")),
            ("Forwarded", format!("host={mine}, host={host}")),
            ("Forwarded", format!("host={host}, host={mine}")),
            ("X-Forwarded-Host", format!("{mine}, {host}")),
            ("X-Forwarded-Host", format!("{host}, {mine}")),
            ("Cookie", format!("tenant={label}")),
        ];
        spoofs.extend(HOST_HEADERS.map(|name| (name, host.clone())));
        spoofs.extend(URL_HEADERS.map(|name| (name, format!("http://{host}{path}"))));
        spoofs.extend(TENANT_HEADERS.map(|name| (name, label.to_owned())));
        spoofs.extend(TENANT_HEADERS.map(|name| (name, host.clone())));
        let own = self
            .spoofs
            .iter()
            .map(|(name, value)| (name.clone(), value.replace("{host}", host).replace("{label}", label)));
        spoofs.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(own).collect()
    }
}
