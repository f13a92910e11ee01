//! TLS and credentials: who is let in, who is refused, and what the refusal says.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use storage::opensearch::Credentials;
use storage::{NamespacedStore, OpenSearchConfig, Store, StoreError, StoreErrorKind, lifecycle};

use crate::data;
use crate::nginx::{Identity, Nginx};
use crate::support;

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// For a server of this name.
    fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate").pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

/// Settings of this test's own, at an nginx.
fn config(nginx: &Nginx, authorities: Option<String>) -> OpenSearchConfig {
    let mut config = support::config().expect("there is an engine where there is an nginx");
    config.hosts = vec![format!("https://localhost:{}", nginx.port)];
    config.authorities = authorities.map(String::into_bytes);
    config
}

/// Installs a tenant, writes and reads.
async fn works(config: &OpenSearchConfig) -> Result<NamespacedStore, StoreError> {
    let store: Arc<dyn Store> = support::open(config, data::schema());
    let tenant = data::tenant("acme");
    lifecycle::install(&store, tenant.id(), tenant.incarnation()).await?;
    let data = data::data_of(&store, &tenant);
    data.write(data::batch("s1")).await?;
    data::holds_exactly(&data, ["s1"]).await;
    Ok(data)
}

async fn refused(config: &OpenSearchConfig, word: &str) {
    let error = works(config).await.expect_err("it is refused");
    assert_eq!(error.kind(), StoreErrorKind::Backend, "trying again does not help: {error:?}");
    assert!(error.to_string().contains(word), "{error}");
}

#[tokio::test]
async fn a_certificate_is_trusted_for_who_signed_it_and_for_its_name() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let Some(nginx) = Nginx::start(&ours.identity("localhost"), "", &[]) else { return };
    works(&config(&nginx, Some(ours.pem()))).await.expect("it is ours");
    works(&config(&nginx, Some(theirs.pem() + &ours.pem()))).await.expect("one of them is ours");
    refused(&config(&nginx, None), "authorities").await;
    refused(&config(&nginx, Some(theirs.pem())), "authorities").await;

    let mut unchecked = config(&nginx, None);
    unchecked.verify_certificates = false;
    works(&unchecked).await.expect("it is not checked");
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let ours = Authority::new();
    let Some(nginx) = Nginx::start(&ours.identity("search.example.com"), "", &[]) else { return };
    refused(&config(&nginx, Some(ours.pem())), "certificate").await;
    let mut unchecked = config(&nginx, None);
    unchecked.verify_certificates = false;
    works(&unchecked).await.expect("it is not checked");
}

fn basic(username: &str, password: &str) -> Credentials {
    Credentials::Basic { username: username.to_owned(), password: password.to_owned() }
}

#[tokio::test]
async fn a_name_and_a_password_let_in() {
    let ours = Authority::new();
    let rules = "auth_basic engine;\nauth_basic_user_file FOLDER/users;";
    let users = [("users", "admin:{PLAIN}correct horse ü\n")];
    let Some(nginx) = Nginx::start(&ours.identity("localhost"), rules, &users) else { return };
    let mut config = config(&nginx, Some(ours.pem()));
    for wrong in [Credentials::None, basic("admin", "wrong"), basic("root", "correct horse ü")] {
        config.credentials = wrong;
        refused(&config, "credentials").await;
    }
    config.credentials = basic("admin", "correct horse ü");
    works(&config).await.expect("they are right");
}

#[tokio::test]
async fn an_api_key_lets_in() {
    let ours = Authority::new();
    // `id:key` in base64.
    let rules = r#"if ($http_authorization != "ApiKey aWQ6a2V5") { return 401; }"#;
    let Some(nginx) = Nginx::start(&ours.identity("localhost"), rules, &[]) else { return };
    let mut config = config(&nginx, Some(ours.pem()));
    let api_key = |key: &str| Credentials::ApiKey { id: "id".to_owned(), key: key.to_owned() };
    for wrong in [Credentials::None, api_key("wrong"), basic("id", "key")] {
        config.credentials = wrong;
        refused(&config, "credentials").await;
    }
    config.credentials = api_key("key");
    works(&config).await.expect("it is right");
}

#[tokio::test]
async fn credentials_that_are_no_more_are_told_at_the_next_call() {
    let ours = Authority::new();
    let rules = "auth_basic engine;\nauth_basic_user_file FOLDER/users;";
    let users = [("users", "admin:{PLAIN}old\n")];
    let Some(mut nginx) = Nginx::start(&ours.identity("localhost"), rules, &users) else { return };
    let mut config = config(&nginx, Some(ours.pem()));
    config.credentials = basic("admin", "old");
    let data = works(&config).await.expect("they are right");
    nginx.write("users", "admin:{PLAIN}new\n");
    let error = data.write(data::events("s1")).await.expect_err("they are not any more");
    assert_eq!(error.kind(), StoreErrorKind::Backend, "{error:?}");
    assert!(error.to_string().contains("credentials"), "{error}");
}
