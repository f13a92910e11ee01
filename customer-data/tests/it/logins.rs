//! Users and their tokens.

use customer_data::user::{self, Email, Role};
use customer_data::{DataError, LoginRefusal, Passwords, token};
use jiff::SignedDuration;

use crate::support::Platform;

const ADDRESS: &str = "admin@acme.com";

async fn with_admin(password: &str) -> (Platform, Passwords) {
    let (platform, passwords) = (Platform::new().await, Passwords::default());
    ensure(&platform, &passwords, password).await;
    (platform, passwords)
}

async fn ensure(platform: &Platform, passwords: &Passwords, password: &str) {
    let email: Email = ADDRESS.parse().expect("an address");
    user::ensure_admin(&platform.store, passwords, &email, password).await.expect("an admin");
}

async fn log_in(
    platform: &Platform,
    passwords: &Passwords,
    address: &str,
    password: &str,
) -> Option<user::User> {
    match user::log_in(&platform.store, passwords, address, password, platform.now).await {
        Ok(user) => Some(user),
        Err(DataError::Login(LoginRefusal::Incorrect)) => None,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_admin_logs_in_with_the_password_alone() {
    let (platform, passwords) = with_admin("right").await;
    let admin = log_in(&platform, &passwords, "Admin@ACME.com", "right").await.expect("logged in");
    assert_eq!(admin.roles, [Role::Admin, Role::Maintainer]);
    assert!(log_in(&platform, &passwords, ADDRESS, "wrong").await.is_none());
    assert!(log_in(&platform, &passwords, "nobody@acme.com", "right").await.is_none());
    assert!(user::has_admin(&platform.store).await.expect("read"));
}

#[tokio::test]
async fn ensuring_the_admin_again_sets_the_password_and_makes_no_second_user() {
    let (platform, passwords) = with_admin("old").await;
    let first = log_in(&platform, &passwords, ADDRESS, "old").await.expect("logged in");
    ensure(&platform, &passwords, "new").await;
    assert!(log_in(&platform, &passwords, ADDRESS, "old").await.is_none());
    assert_eq!(log_in(&platform, &passwords, ADDRESS, "new").await.expect("logged in").id, first.id);
}

#[tokio::test]
async fn a_token_slides_for_thirty_minutes_and_ends() {
    let (platform, passwords) = with_admin("right").await;
    let admin = log_in(&platform, &passwords, ADDRESS, "right").await.expect("logged in");
    let issued = token::issue(&platform.store, &admin, platform.now).await.expect("a token");
    let after = |minutes| platform.now.saturating_add(SignedDuration::from_mins(minutes)).expect("later");
    let holder = async |minutes| token::check(&platform.store, &issued, after(minutes)).await.expect("read");

    assert_eq!(holder(4).await.expect("good").id, admin.id);
    assert!(holder(29).await.is_some(), "good, and renewed");
    assert!(holder(58).await.is_some(), "29 minutes after its last use");
    assert!(holder(88).await.is_none(), "30 minutes after its last use");
    assert!(token::check(&platform.store, "made-up", platform.now).await.expect("read").is_none());
}

#[tokio::test]
async fn a_token_that_was_logged_out_of_is_nobodys() {
    let (platform, passwords) = with_admin("right").await;
    let admin = log_in(&platform, &passwords, ADDRESS, "right").await.expect("logged in");
    let issued = token::issue(&platform.store, &admin, platform.now).await.expect("a token");
    token::revoke(&platform.store, &issued).await.expect("revoked");
    assert!(token::check(&platform.store, &issued, platform.now).await.expect("read").is_none());
    token::revoke(&platform.store, "made-up").await.expect("unknown ones are ended already");
}

#[tokio::test]
async fn a_login_clears_away_tokens_that_have_expired() {
    let (platform, passwords) = with_admin("right").await;
    let admin = log_in(&platform, &passwords, ADDRESS, "right").await.expect("logged in");
    for day in 0..3 {
        let now = platform.now.saturating_add(SignedDuration::from_hours(24 * day)).expect("later");
        token::issue(&platform.store, &admin, now).await.expect("a token");
    }
    let kept = platform.store.scan("token", None, 10).await.expect("read");
    assert_eq!(kept.len(), 1);
    assert!(kept.iter().all(|token| !token.body.values().any(|value| value == "right")));
}
