//! Hosts: two of them, other spellings, look-alikes, malformed ones.

use super::Plan;
use crate::testing::volley::{Expect, Shot, Volley, Who};

impl Plan<'_> {
    /// The credentials are those of the one and of the other in turn: whichever header is obeyed, somebody's fit.
    pub(super) fn two_hosts(&self) -> Vec<Volley> {
        self.apart(|who| {
            let (mine, theirs) = (self.host(who), self.host(who.opposite()));
            let mut shots = Vec::new();
            for by in Who::BOTH {
                let read = || self.sides.ask(&self.sides.get(by).reads, who, Some(by));
                let folded = format!("{mine}\r\n {theirs}");
                for draft in [
                    read().hosts([mine, theirs]),
                    read().hosts([mine]).header("host", theirs),
                    read().hosts([mine]).header("Host ", theirs),
                    read().hosts([mine]).header(" Host", theirs),
                    read().hosts([folded]),
                    read().hosts([mine, "", theirs]),
                ] {
                    shots.push(Shot { draft, by: Some(by), expect: Expect::Nothing });
                }
            }
            let draft = self.sides.read(who).hosts([mine, mine]);
            shots.push(Shot { draft, by: Some(who), expect: Expect::Malformed(who) });
            shots
        })
    }

    /// The target names a side and the header the other; either's credentials.
    pub(super) fn disagreement(&self) -> Vec<Volley> {
        self.apart(|target| {
            let header = target.opposite();
            let shot = |by: Who| Shot {
                draft: self.sides.ask(&self.sides.get(by).reads, header, Some(by)).target(self.host(target)),
                by: Some(by),
                expect: Expect::Target(target),
            };
            Who::BOTH.map(shot).to_vec()
        })
    }

    /// By the side itself, and by the other: a host that is not recognised must not be somebody else's instead.
    pub(super) fn other_spellings(&self) -> Vec<Volley> {
        self.apart(|who| {
            let (name, port) = self.sides.get(who).split_host();
            let turned = |text: &str| -> String {
                let turn = |(at, c): (usize, char)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c };
                text.chars().enumerate().map(turn).collect()
            };
            let hosts = [
                format!("{}{port}", name.to_ascii_uppercase()),
                format!("{}{port}", turned(name)),
                format!("{name}.{port}"),
                format!("{name}:{}", self.port),
                format!("{}.:{}", turned(name), self.port),
            ];
            let mut shots = self.at_hosts(who, hosts.clone(), Expect::Spelling(who));
            let by = who.opposite();
            if self.sides.has_credentials(by) {
                shots.extend(self.at_hosts(by, hosts, Expect::Nothing));
            }
            shots
        })
    }

    pub(super) fn look_alikes(&self) -> Vec<Volley> {
        self.apart(|who| {
            let known = Who::BOTH.map(|side| self.sides.get(side).split_host().0.to_ascii_lowercase());
            let mut hosts = self.resembling(who);
            hosts.retain(|host| !known.contains(&host.to_ascii_lowercase()));
            let (_, port) = self.sides.get(who).split_host();
            self.at_hosts(who, hosts.into_iter().map(|host| host + port), Expect::Nothing)
        })
    }

    /// Names without a port that resemble a side's, and are not its.
    fn resembling(&self, who: Who) -> Vec<String> {
        let side = self.sides.get(who);
        let ((label, rest), (name, _)) = (side.split_label(), side.split_host());
        let mut hosts: Vec<String> =
            ["2", "x", "-x", "-", "_"].map(|end| format!("{label}{end}{rest}")).into();
        hosts.extend(["x", "x-", "-", "_"].map(|start| format!("{start}{label}{rest}")));
        hosts.extend([
            format!("x.{name}"),
            format!("{name}x"),
            format!("{name}.attacker.example"),
            format!("{label}.attacker.example"),
            format!("attacker.example.{name}"),
            label.to_owned(),
            format!("{label}{}", rest.replace('.', "")),
        ]);
        if let Some((start, end)) = label.split_at_checked(1) {
            hosts.push(format!("{start}-{end}{rest}"));
            hosts.push(format!("{start}.{end}{rest}"));
            hosts.push(format!("{start}{rest}"));
            hosts.extend(
                label.char_indices().next_back().map(|(last, _)| format!("{}{rest}", &label[..last])),
            );
        }
        // Nothing but a dot before the rest, or nothing at all, is the base domain's matter, or no host.
        hosts.retain(|host| !host.starts_with('.') && !host.is_empty());
        hosts
    }

    pub(super) fn malformed_hosts(&self) -> Vec<Volley> {
        self.apart(|who| {
            let mut shots = self.at_hosts(who, self.of_nobody(who), Expect::Nothing);
            let by = who.opposite();
            if self.sides.has_credentials(by) {
                shots.extend(self.at_hosts(by, self.of_nobody(who), Expect::Nothing));
            }
            shots.extend(self.at_hosts(who, self.decorated(who), Expect::Malformed(who)));
            let draft = self.sides.read(who).hosts::<Vec<u8>>([]);
            shots.push(Shot { draft, by: Some(who), expect: Expect::Nothing });
            shots
        })
    }

    /// What can be taken for a side's host, or for the other's, only by a mistake.
    fn of_nobody(&self, who: Who) -> Vec<Vec<u8>> {
        let (mine, theirs) = (self.host(who), self.host(who.opposite()));
        let (label, rest) = self.sides.get(who).split_label();
        let (first, end) = label.split_at_checked(1).unwrap_or(("", label));
        let byte = first.bytes().next().unwrap_or(b'a');
        // The same letter from the block of full-width forms, which compatibility mappings fold to it.
        let wide = char::from_u32(0xFF41 + u32::from(byte.wrapping_sub(b'a'))).unwrap_or('\u{ff41}');
        let mut hosts: Vec<Vec<u8>> =
            ["@", " ", ",", ", ", ";", "/", "\\", "#", "?", "|", "%00", "%00.", "\0", "\0.", "\t"]
                .map(|between| format!("{mine}{between}{theirs}").into_bytes())
                .into();
        hosts.extend([
            format!("%{byte:02x}{end}{rest}").into_bytes(),
            format!("{wide}{end}{rest}").into_bytes(),
            format!("{label}%2e{}", rest.trim_start_matches('.')).into_bytes(),
            format!("{label}\0{rest}").into_bytes(),
            format!("{label} {rest}").into_bytes(),
            [label.as_bytes(), b"\xff", rest.as_bytes()].concat(),
            [label.as_bytes(), b"\xe2\x80\x8b", rest.as_bytes()].concat(),
            b"127.0.0.1".to_vec(),
            b"[::1]".to_vec(),
            b"*".to_vec(),
            b"".to_vec(),
        ]);
        hosts
    }

    /// A side's host with something about it that no host has.
    fn decorated(&self, who: Who) -> Vec<String> {
        let (name, _) = self.sides.get(who).split_host();
        [
            format!("user@{name}"),
            format!("user:password@{name}"),
            format!("http://{name}"),
            format!("{name}/"),
            format!("{name}.."),
            format!(".{name}"),
            format!("[{name}]"),
            format!("\"{name}\""),
            format!("{name}:65536"),
            format!("{name}:{}", self.host(who.opposite())),
            format!("{name}:0x50"),
            format!("{name}:80:80"),
            format!("{name}:80@"),
        ]
        .into()
    }

    fn host(&self, who: Who) -> &str {
        &self.sides.get(who).host
    }
}
