//! `dev --demo`: two tenants through the real endpoints, and what each of them can see.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ready::Endpoints;
use crate::run::Failure;

/// Nobody but this machine can reach it; a real tenant's password is the customer's own.
const PASSWORD: &str = "demo-password";
/// How long what was sent is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const BRIDGE: &str = "778ded05-4ff3-4e08-9a86-72c0195fa95d";

struct Demo<'a> {
    http: Client,
    public: SocketAddr,
    private: SocketAddr,
    key: &'a SecretString,
}

/// Installs `acme` and `globex`, sends events to both, and prints what each can see. Tenants of an earlier run are used
/// again.
pub(crate) async fn run(at: &Endpoints, key: &SecretString) -> Result<(), Failure> {
    let (Some(public), Some(private)) = (at.public, at.private) else {
        return Err("a listener is off".into());
    };
    let http = Client::builder().no_proxy().build()?;
    let demo = Demo { http, public, private, key };
    say("Demo: two tenants, one server.\n")?;
    let acme = demo.tenant("acme", &["page-view", "purchase-order"]).await?;
    let globex = demo.tenant("globex", &["page-view"]).await?;
    demo.show("acme", &acme, 2).await?;
    demo.show("globex", &globex, 1).await?;
    demo.show_walls(&acme).await?;
    say("The server goes on; ctrl-c stops it.\n")
}

impl Demo<'_> {
    /// A tenant with a source in production and these events, and its admin's token.
    async fn tenant(&self, name: &str, events: &[&str]) -> Result<String, Failure> {
        let host = format!("{name}.localhost");
        let email = format!("admin@{name}.example");
        let install = json!({
            "name": name, "tms_api_key": self.key.expose_secret(), "email": email, "password": PASSWORD,
            "needs_admin": true, "update_mapping": false,
        });
        self.send(self.private("localhost", "POST", "/tenant/install")?.json(&install)).await?;
        let form = format!("username={email}&password={PASSWORD}");
        let login = self.send(self.private(&host, "POST", "/user/token")?.body(form)).await?;
        let token = login["access_token"].as_str().unwrap_or_default().to_owned();
        let source = json!({ "id": "web", "name": "Website", "type": ["rest"], "bridge": { "id": BRIDGE, "name": "REST" } });
        self.send(self.authorized(&host, "POST", "/event-source", &token)?.json(&source)).await?;
        let sent: Vec<Value> =
            events.iter().map(|kind| json!({ "type": kind, "properties": { "tenant": name } })).collect();
        let payload = json!({ "source": { "id": "web" }, "session": { "id": "visit-1" }, "events": sent });
        let track = self.http.post(format!("http://{}/track", self.public)).header("host", &host);
        self.send(track.json(&payload)).await?;
        say(&format!(
            "  installed   http://{host}:{}/  log in as {email} with {PASSWORD}\n",
            self.private.port()
        ))?;
        Ok(token)
    }

    /// An engine lets searches see what was sent a moment later: this waits for that.
    async fn show(&self, name: &str, token: &str, sent: u64) -> Result<(), Failure> {
        let host = format!("{name}.localhost");
        let began = Instant::now();
        let found = loop {
            let found = self.send(self.authorized(&host, "POST", "/event/select", token)?).await?;
            if found["total"].as_u64().is_some_and(|total| total >= sent) || began.elapsed() > PATIENCE {
                break found;
            }
            sleep(Duration::from_millis(100)).await;
        };
        say(&format!("\n  {name} sees {} events in production:\n", found["total"]))?;
        for event in found["result"].as_array().into_iter().flatten() {
            let owner = event["properties"]["tenant"].as_str().unwrap_or("-");
            let kind = event["type"].as_str().unwrap_or_default();
            say(&format!(
                "    {kind:<16} from source {}, property tenant: {owner}\n",
                event["source"]["id"]
            ))?;
        }
        Ok(())
    }

    /// What one tenant's token is worth at the other's host, and what nobody's host answers.
    async fn show_walls(&self, acme: &str) -> Result<(), Failure> {
        let foreign = self.authorized("globex.localhost", "POST", "/event/select", acme)?.send().await?;
        let nobody = self.private("nobody.localhost", "GET", "/healthcheck")?.send().await?;
        say(&format!("\n  acme's token at globex:    {}\n", foreign.status()))?;
        say(&format!("  a host that is nobody's:   {}\n\n", nobody.status()))
    }

    fn private(&self, host: &str, method: &str, path: &str) -> Result<RequestBuilder, Failure> {
        let url = format!("http://{}{path}", self.private);
        Ok(self.http.request(method.parse()?, url).header("host", host))
    }

    fn authorized(
        &self,
        host: &str,
        method: &str,
        path: &str,
        token: &str,
    ) -> Result<RequestBuilder, Failure> {
        Ok(self.private(host, method, path)?.bearer_auth(token).header("x-context", "production"))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(format!("the demo stopped: {status} {}", body["detail"]).into())
        }
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
