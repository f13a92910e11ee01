//! A real management service in this process, on a socket, which can be stopped and started again.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use tms_server::{Scope, Server};

/// The operator's key of the tests' service: the one of the original's page.
pub(crate) const OPERATOR_KEY: &str = "TMS-API-KEY";

pub(crate) struct Tms {
    server: Option<Server>,
    addr: SocketAddr,
    database: PathBuf,
    pub(crate) directory_key: SecretString,
}

impl Tms {
    /// A service with an empty database in this folder.
    pub(crate) async fn start(folder: &std::path::Path) -> Self {
        Self::start_at(folder.join("tms.db"), ([127, 0, 0, 1], 0).into()).await
    }

    async fn start_at(database: PathBuf, bind: SocketAddr) -> Self {
        let server = serve(&database, bind).await;
        let issued = server.keys().issue(Scope::Directory, "api-server").await.expect("a key");
        Self { addr: server.addr(), server: Some(server), database, directory_key: issued.key }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops it; nobody answers at its address.
    pub(crate) async fn stop(&mut self) {
        self.server.take().expect("running").shutdown().await;
    }

    /// Starts it again, at the same address, with the same database.
    pub(crate) async fn restart(&mut self) {
        self.server = Some(serve(&self.database, self.addr).await);
    }

    /// Another service with an empty database, at the same address.
    pub(crate) async fn replace_by_an_empty_one(&mut self) {
        self.stop().await;
        *self = Self::start_at(self.database.with_extension("empty.db"), self.addr).await;
    }

    /// Calls the service as its operator.
    pub(crate) async fn operate(
        &self,
        method: &str,
        path: &str,
        body: serde_json::Value,
    ) -> serde_json::Value {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let granted =
            http.post(format!("{}/token", self.url())).header("x-api-key", OPERATOR_KEY).send().await;
        let granted: serde_json::Value = granted.expect("an answer").json().await.expect("json");
        let token = granted["access_token"].as_str().expect("a token");
        let request = http.request(method.parse().expect("a method"), format!("{}{path}", self.url()));
        let answer = request.bearer_auth(token).json(&body).send().await.expect("an answer");
        let status = answer.status();
        let body = answer.json().await.expect("json");
        assert!(status.is_success(), "{method} {path}: {status} {body}");
        body
    }
}

async fn serve(database: &std::path::Path, bind: SocketAddr) -> Server {
    let mut config = tms_server::Config::new(format!("sqlite://{}", database.display()));
    config.bind = bind;
    config.api_key = Some(SecretString::from(OPERATOR_KEY));
    config.base_domains = vec!["localhost".parse().expect("a host")];
    Server::start(config).await.expect("the service starts")
}
