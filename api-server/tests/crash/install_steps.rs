//! An install whose process is killed after one of its steps, and the same call, which finishes it.

use api_server::InstallStep;
use reqwest::Method;
use serde_json::{Value, json};
use tenant_core::Context;

use crate::site::{HOST, Site, install_body};
use crate::stopping_server::StoppingServer;
use crate::support::{Answer, EMAIL, PASSWORD, Program, page_view};

/// A tenant whose install was cut short after this step, before anything was answered.
async fn killed_after(step: InstallStep) -> Site {
    let site = Site::start().await;
    kill_after(&site, step).await;
    site
}

async fn kill_after(site: &Site, step: InstallStep) {
    let server = StoppingServer::start(site, step);
    let api = server.program().at("localhost");
    let call = tokio::spawn(async move {
        let request = api.private(Method::POST, "/tenant/install").json(&install_body(EMAIL, PASSWORD));
        api.try_send(request).await.map(|answer| answer.status)
    });
    server.has_stopped().await;
    assert!(!call.is_finished(), "answered before the step was over");
    server.kill();
    let answered = call.await.expect("no panic");
    assert!(answered.is_err(), "{answered:?}");
}

async fn install(program: &Program, email: &str, password: &str) -> Answer {
    program.at("localhost").post("/tenant/install", &install_body(email, password)).await
}

async fn assert_invisible(program: &Program) {
    let visitor = program.at(HOST);
    let answers = [
        visitor.get("/healthcheck").await,
        visitor.send(visitor.public(Method::GET, "/healthcheck")).await,
        visitor.track(&page_view("s1")).await,
        visitor.try_log_in(EMAIL, PASSWORD).await,
        visitor.get("/event/count").await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    let checked = visitor.get("/install").await.ok();
    assert_eq!((&checked["schema_ok"], &checked["admin_ok"]), (&json!(false), &json!(false)));
}

/// Production and staging take a source and an event each.
async fn assert_usable(program: &Program, password: &str) {
    let admin = program.at(HOST).log_in(EMAIL, password).await;
    for context in ["staging", "production"] {
        let admin = admin.clone().in_context(context);
        assert_eq!(admin.count("event").await, 0, "{context}");
        admin.connect_web().await;
        admin.post("/track", &page_view("s1")).await.ok();
        assert_eq!(admin.count("event").await, 4, "{context}");
    }
}

/// Ends the program and looks at what it left: one admin, in staging alone.
async fn assert_one_admin(site: &Site, program: Program) {
    assert!(program.terminate().success());
    let users = site.documents(Context::Staging, "user").await;
    let [admin] = users.as_slice() else { panic!("not one user: {users:?}") };
    assert_eq!(
        (&admin.body["email"], &admin.body["roles"]),
        (&json!(EMAIL), &json!(["admin", "maintainer"]))
    );
    assert_eq!(site.documents(Context::Staging, "user-claim").await.len(), 1);
    for kind in ["user", "user-claim", "token"] {
        assert!(site.documents(Context::Production, kind).await.is_empty(), "{kind}");
    }
    site.assert_whole();
}

fn created(answer: &Value) -> [usize; 2] {
    [0, 1].map(|context| answer[context]["created"]["indices"].as_array().expect("a list").len())
}

/// The whole of a pending tenant's way on; `made` is how much storage the finishing call makes, in each context.
async fn pending_until_the_call_is_repeated(step: InstallStep, made: [usize; 2]) {
    let site = killed_after(step).await;
    let program = site.serve();
    assert_invisible(&program).await;
    let answer = install(&program, EMAIL, PASSWORD).await.ok();
    assert_eq!(created(&answer), made, "{answer}");
    assert_eq!((&answer[0]["admin"], &answer[1]["admin"]), (&json!(true), &json!(false)));
    assert_eq!(answer[0]["tenant"]["status"], json!("active"));
    assert_usable(&program, PASSWORD).await;
    assert_one_admin(&site, program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_registered() {
    pending_until_the_call_is_repeated(InstallStep::Registered, [1, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_storage_was_prepared() {
    pending_until_the_call_is_repeated(InstallStep::StoragePrepared, [0, 0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_the_admin_was_created() {
    pending_until_the_call_is_repeated(InstallStep::AdminCreated, [0, 0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_active_before_the_answer() {
    let site = killed_after(InstallStep::Activated).await;
    let program = site.serve();
    assert_eq!(program.at(HOST).get("/healthcheck").await.status, 200);
    let refused = install(&program, EMAIL, "another password").await;
    assert_eq!(refused.status, 409, "{refused:?}");
    let refused = install(&program, "somebody@else.com", PASSWORD).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    let answer = install(&program, EMAIL, PASSWORD).await.ok();
    assert_eq!(created(&answer), [0, 0]);
    assert_usable(&program, PASSWORD).await;
    assert_one_admin(&site, program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_finishing_call_sets_the_password_and_nobody_else_may_finish() {
    let site = killed_after(InstallStep::AdminCreated).await;
    let program = site.serve();
    let refused = install(&program, "somebody@else.com", PASSWORD).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_invisible(&program).await;

    let later = "a later password";
    install(&program, EMAIL, later).await.ok();
    let visitor = program.at(HOST);
    assert_eq!(visitor.try_log_in(EMAIL, PASSWORD).await.status, 400);
    assert_eq!(visitor.try_log_in("somebody@else.com", PASSWORD).await.status, 400);
    assert_usable(&program, later).await;
    assert_one_admin(&site, program).await;
}

/// Killed again and again, at each step of what is left: the last call still finishes.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_of_one_install() {
    let site = Site::start().await;
    for step in [InstallStep::Registered, InstallStep::StoragePrepared, InstallStep::AdminCreated] {
        kill_after(&site, step).await;
    }
    let program = site.serve();
    assert_invisible(&program).await;
    install(&program, EMAIL, PASSWORD).await.ok();
    assert_usable(&program, PASSWORD).await;
    assert_one_admin(&site, program).await;
}
