//! `PATCH /tenant/{tenant}`: what may change, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{As, Tms, by_hand};

async fn patch(caller: &As<'_>, tenant: &str, body: Value) -> crate::support::Answer {
    caller.call(Method::PATCH, &format!("/tenant/{tenant}"), Some(&body)).await
}

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        let body = json!({
            "name": "company-x", "email": "a@b", "hosts": ["shop.example"], "labels": { "plan": "gold", "region": "eu" },
            "limits": { "burst": 5, "concurrent": 7 }, "expire": "2030-01-01T00:00:00Z",
        });
        let mut expected = operator.post("/tenant", body).await.ok();
        for (body, path, value) in [
            (json!({ "email": "c@d" }), "/email", json!("c@d")),
            (
                json!({ "hosts": ["B\u{fc}cher.example", "shop.example."] }),
                "/hosts",
                json!(["xn--bcher-kva.example", "shop.example"]),
            ),
            (json!({ "limits": { "burst": null } }), "/limits/burst", json!(null)),
            (json!({ "limits": { "body_bytes": 9 } }), "/limits/body_bytes", json!(9)),
            (json!({ "labels": { "plan": "lead" } }), "/labels", json!({ "plan": "lead", "region": "eu" })),
            (json!({ "labels": { "plan": null, "x": "y" } }), "/labels", json!({ "region": "eu", "x": "y" })),
            (json!({ "expire": "2031-01-01T01:00:00+01:00" }), "/expire", json!("2031-01-01T00:00:00Z")),
            (json!({ "expire": null }), "/expire", json!(null)),
            (json!({ "hosts": null }), "/hosts", json!([])),
            (json!({ "labels": null }), "/labels", json!({})),
        ] {
            *expected.pointer_mut(path).expect(path) = value;
            expected["revision"] = json!(expected["revision"].as_u64().expect("a number") + 1);
            assert_eq!(patch(&operator, "company-x", body.clone()).await.ok(), expected, "{body}");
            assert_eq!(operator.get("/tenant/companyx").await.ok(), expected, "{body}");
        }
        // What changes nothing is no change.
        for body in [
            json!({}),
            json!({ "expire": null }),
            json!({ "labels": {}, "limits": {} }),
            json!({ "email": "c@d" }),
        ] {
            assert_eq!(patch(&operator, "companyx", body.clone()).await.ok(), expected, "{body}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_and_named_and_nothing_changes() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        let before = operator.create("acme").await;
        for (body, fields) in [
            (json!({ "email": "c@d", "name": "globex" }), vec!["name"]),
            (
                json!({ "status": "active", "id": "x", "install_token": "t" }),
                vec!["id", "install_token", "status"],
            ),
            (json!({ "nonsense": null }), vec!["nonsense"]),
            (json!({ "email": null }), vec!["email"]),
            (json!({ "email": "c\u{0}@d" }), vec!["email"]),
            (json!({ "labels": { "a": "\u{0}" } }), vec!["labels"]),
            (json!({ "hosts": ["x.your-domain.com", "127.0.0.1"] }), vec!["hosts", "hosts"]),
            (json!({ "hosts": "shop.example" }), vec!["hosts"]),
            (json!({ "limits": { "burst": 0, "speed": 1 } }), vec!["limits", "limits"]),
            (json!({ "expire": "tomorrow" }), vec!["expire"]),
        ] {
            assert_eq!(patch(&operator, "acme", body.clone()).await.fields(), fields, "{body}");
        }
        patch(&operator, "acme", json!([])).await.is(422, "invalid");
        patch(&operator, "nobody", json!({})).await.is(404, "tenant_unknown");
        let directory = tms.directory().await;
        patch(&directory, "acme", json!({})).await.is(403, "forbidden");
        assert_eq!(operator.get("/tenant/acme").await.ok(), before);
    }
}

#[tokio::test]
async fn a_host_of_another_tenant_is_409_and_does_not_tell_whose() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        operator.create("acme").await;
        operator.create("globex").await;
        patch(&operator, "acme", json!({ "hosts": ["b\u{fc}cher.example"] })).await.ok();
        for host in ["B\u{dc}CHER.example", "XN--bcher-kva.Example."] {
            let answer = patch(&operator, "globex", json!({ "hosts": ["new.example", host] })).await;
            answer.is(409, "host_taken");
            let detail = answer.body["detail"].as_str().expect("text");
            assert!(detail.contains("xn--bcher-kva.example") && !detail.contains("acme"), "{detail}");
        }
        assert_eq!(operator.get("/host/new.example").await.ok(), Value::Null);
        // Given up by one, it is free for the other.
        patch(&operator, "acme", json!({ "hosts": [] })).await.ok();
        patch(&operator, "globex", json!({ "hosts": ["b\u{fc}cher.example"] })).await.ok();
        assert_eq!(operator.get("/host/xn--bcher-kva.example").await.ok()["id"], "globex");
    }
}

/// What a 422 says of its one field.
#[track_caller]
fn too_large(answer: &crate::support::Answer, field: &str, most: &str) {
    assert_eq!(answer.fields(), [field]);
    let told = answer.body["detail"][0]["msg"].as_str().expect("text");
    assert!(told.contains(most), "{told}");
}

#[tokio::test]
async fn a_record_has_bounds_however_it_grows() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        let hosts: Vec<_> = (0..101).map(|n| format!("h{n}.example")).collect();
        for (field, value, most) in [
            ("hosts", json!(hosts), "100 hosts"),
            ("labels", json!({ "a": "x".repeat(65_529) }), "64 KiB"),
            ("install_token", json!("x".repeat(1025)), "1 KiB"),
            ("license_id", json!("x".repeat(1025)), "1 KiB"),
        ] {
            let mut body = json!({ "name": "large", "email": "a@b" });
            body[field] = value;
            too_large(&operator.post("/tenant", body).await, field, most);
        }
        assert_eq!(operator.get("/tenant/large").await.ok(), Value::Null);

        operator.create_active("acme").await;
        patch(&operator, "acme", json!({ "hosts": hosts[1..], "labels": { "a": "x".repeat(65_000) } }))
            .await
            .ok();
        let reasons = json!({ "public_reason": "x".repeat(4096), "private_reason": "x".repeat(4096) });
        let before = operator.post("/tenant/acme/suspend", reasons).await.ok();
        too_large(&patch(&operator, "acme", json!({ "hosts": hosts })).await, "hosts", "100 hosts");
        too_large(
            &patch(&operator, "acme", json!({ "labels": { "b": "x".repeat(600) } })).await,
            "labels",
            "64 KiB",
        );
        for reason in ["public_reason", "private_reason"] {
            let answer = operator.post("/tenant/acme/suspend", json!({ reason: "x".repeat(4097) })).await;
            too_large(&answer, reason, "4 KiB");
        }
        let said = tms.command(&["tenants", "suspend", "acme", "--public-reason", &"x".repeat(4097)]).await;
        let refused = said.refusal();
        assert!(refused.contains("public_reason can have at most 4 KiB"), "{refused}");
        assert_eq!(operator.get("/tenant/acme").await.ok(), before);
    }
}

#[tokio::test]
async fn a_record_that_is_too_large_already_is_read_and_can_shrink() {
    for tms in Tms::on_each().await {
        let operator = tms.operator().await;
        operator.create_active("acme").await;
        patch(&operator, "acme", json!({ "labels": { "b": "c" } })).await.ok();
        let large = if tms.database_url().starts_with("sqlite:") {
            r#"UPDATE tenant SET labels = '{"a":"' || hex(zeroblob(100000)) || '","b":"c"}'"#
        } else {
            r#"UPDATE tenant SET labels = '{"a":"' || repeat('0', 200000) || '","b":"c"}'"#
        };
        by_hand(&tms.database_url(), large).await.expect("changed");
        for path in ["/tenant", "/tenant?limit=1"] {
            let listed = operator.get(path).await.ok();
            assert_eq!(listed[0]["labels"]["a"].as_str().map(str::len), Some(200_000), "{path}");
        }
        patch(&operator, "acme", json!({ "email": "c@d" })).await.ok();
        operator.post("/tenant/acme/suspend", json!({ "public_reason": "unpaid" })).await.ok();
        too_large(&patch(&operator, "acme", json!({ "labels": { "d": "e" } })).await, "labels", "64 KiB");
        patch(&operator, "acme", json!({ "labels": { "b": null } })).await.ok();
        let small = patch(&operator, "acme", json!({ "labels": { "a": null } })).await.ok();
        assert_eq!(small["labels"], json!({}));
    }
}
