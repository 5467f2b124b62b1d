//! Tests of each preset with a server that answers in the shape of the CRM's public documentation. Where the CRM's
//! search returns similar numbers, the records contain another person with one.

use super::*;
use crate::model::card::Contact;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

fn preset(name: &str, token: &str, port: u16) -> SourceConfig {
    let mut config = SourceConfig::new(SourceKind::Http);
    config.preset = Some(name.into());
    config.token = Some(SecretRef::Text(Secret::new(token)));
    config.domain = Some(format!("127.0.0.1:{port}"));
    config
}

async fn find_one(config: &SourceConfig) -> Contact {
    let mut found = people(find(&build(config).unwrap(), LONG).await);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn fact<'a>(contact: &'a Contact, label: &str) -> Option<&'a str> {
    contact.facts.iter().find(|fact| fact.label == label).map(|fact| fact.value.as_str())
}

#[tokio::test]
async fn hubspot_search_uses_the_national_number() {
    let record = |id: &str, name: &str, phone: &str| {
        json!({"id": id, "properties": {"firstname": name, "lastname": "Martin", "email": "a@example.com", "phone": phone,
            "mobilephone": null, "company": "Acme", "jobtitle": "CTO", "lifecyclestage": "customer", "hs_lead_status": "",
            "hs_object_id": id, "createdate": "2026-01-01T00:00:00Z"}, "createdAt": "2026-01-01T00:00:00Z", "archived": false,
            "url": format!("https://app.hubspot.com/contacts/1/record/0-1/{id}")})
    };
    let answer = json!({"total": 2, "results": [record("51", "Eve", "+44 514 555 0199"), record("52", "Alice", "(514) 555-0199")]});
    let mut server = Server::of(answer).await;
    let mut config = preset("hubspot", "pat-1", server.port);
    config.domain = None;
    config.url =
        Some(SecretRef::Text(Secret::new(format!("http://127.0.0.1:{}/crm/v3/objects/contacts/search", server.port))));
    let alice = find_one(&config).await;
    assert_eq!(alice.name.as_deref(), Some("Alice Martin"));
    assert_eq!((alice.company.as_deref(), alice.tier.as_deref()), (Some("Acme"), Some("customer")));
    assert_eq!(alice.link.as_deref(), Some("https://app.hubspot.com/contacts/1/record/0-1/52"));
    assert_eq!((fact(&alice, "Job title"), fact(&alice, "Lead status")), (Some("CTO"), None));
    assert_eq!(alice.source, "hubspot");
    let request = server.requests().remove(0);
    assert!(request.contains("authorization: Bearer pat-1\r\n"));
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body.pointer("/filterGroups/0/filters/0/value").unwrap(), "5145550199");
    assert_eq!(body.pointer("/filterGroups/2/filters/0/value").unwrap(), "+15145550199");
}

#[tokio::test]
async fn salesforce_search_covers_phone_fields_of_contacts_and_leads() {
    let attributes = |kind: &str| json!({"type": kind, "url": format!("/services/data/v60.0/sobjects/{kind}/1")});
    let answer = json!({"searchRecords": [
        {"attributes": attributes("Contact"), "Id": "003xx1", "Name": "Alice Martin", "Phone": "(514) 555-0199",
            "MobilePhone": null, "Title": "CTO", "Description": null, "Account": {"attributes": attributes("Account"), "Name": "Acme"},
            "Owner": {"attributes": attributes("User"), "Name": "Bob Roy"}},
        {"attributes": attributes("Lead"), "Id": "00Qxx2", "Name": "Eve", "Phone": "+49 514 5550199", "Company": "Other"}
    ]});
    let mut server = Server::of(answer).await;
    let config = preset("salesforce", "00D!token", server.port);
    let alice = find_one(&config).await;
    assert_eq!(alice.name.as_deref(), Some("Alice Martin"));
    assert_eq!((alice.company.as_deref(), alice.owner.as_deref()), (Some("Acme"), Some("Bob Roy")));
    assert_eq!(alice.link, Some(format!("https://127.0.0.1:{}/003xx1", server.port)));
    let request = server.requests().remove(0);
    assert!(
        request.starts_with(
            "GET /services/data/v60.0/search/?q=FIND+%7B5145550199%7D+IN+PHONE+FIELDS+RETURNING+Contact(Id,"
        )
    );
}

#[tokio::test]
async fn zendesk_returns_user_and_open_ticket_count() {
    let mut server = Server::start(|stream, request| async move {
        let answer = if request.starts_with("GET /api/v2/search/count.json") {
            json!({"count": 2})
        } else {
            json!({"results": [
                {"id": 35436, "url": "https://x.zendesk.com/api/v2/users/35436.json", "name": "Alice Martin", "phone": "+1 514-555-0199",
                    "shared_phone_number": null, "organization_id": 57542, "tags": ["vip", "gold"], "notes": "likes tea", "details": "",
                    "user_fields": {}, "role": "end-user", "result_type": "user"},
                {"id": 9, "name": "Eve", "phone": "+445145550199", "tags": [], "result_type": "user"}
            ], "facets": null, "next_page": null, "previous_page": null, "count": 2})
        };
        respond(stream, "200 OK", "Content-Type: application/json\r\n", answer.to_string()).await;
    })
    .await;
    let alice = find_one(&preset("zendesk", "agent@example.com/token:abc", server.port)).await;
    assert_eq!((alice.name.as_deref(), alice.notes.as_deref()), (Some("Alice Martin"), Some("likes tea")));
    assert_eq!((alice.tags.join(" "), fact(&alice, "Open tickets")), ("vip gold".to_owned(), Some("2")));
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /api/v2/search.json?query=type%3Auser+phone%3A*5145550199 "), "{requests:?}");
    assert!(
        requests[0]
            .contains(&format!("authorization: Basic {}\r\n", BASE64_STANDARD.encode("agent@example.com/token:abc")))
    );
    assert!(requests[1].contains("requester%3A35436 "), "{requests:?}");
}

#[tokio::test]
async fn pipedrive_compares_all_numbers_of_a_person() {
    let person = |id: u32, name: &str, phones: &[&str]| {
        json!({"result_score": 0.5, "item": {"id": id, "type": "person", "name": name, "phones": phones, "emails": ["a@example.com"],
            "primary_email": "a@example.com", "visible_to": 3, "owner": {"id": 1}, "organization": {"id": 1, "name": "Acme", "address": null},
            "custom_fields": [], "notes": [], "update_time": "2026-01-01T00:00:00Z"}})
    };
    let items = [person(1, "Eve", &["+372 555555555"]), person(2, "Alice Martin", &["123", "+1 514 555 0199"])];
    let mut server =
        Server::of(json!({"success": true, "data": {"items": items}, "additional_data": {"next_cursor": null}})).await;
    let alice = find_one(&preset("pipedrive", "abc", server.port)).await;
    assert_eq!((alice.name.as_deref(), alice.company.as_deref()), (Some("Alice Martin"), Some("Acme")));
    assert_eq!(alice.link, Some(format!("https://127.0.0.1:{}/person/2", server.port)));
    assert_eq!(fact(&alice, "Email"), Some("a@example.com"));
    let request = server.requests().remove(0);
    assert!(request.starts_with("GET /api/v2/persons/search?fields=phone&limit=10&term=5145550199 "));
    assert!(request.contains("x-api-token: abc\r\n"));
}

#[tokio::test]
async fn freshdesk_search_uses_three_spellings_and_company_id() {
    let mut server = Server::start(|stream, request| async move {
        let answer = if request.starts_with("GET /api/v2/companies/7 ") {
            json!({"id": 7, "name": "Acme", "domains": []})
        } else {
            json!({"total": 1, "results": [{"id": 2, "name": "Alice Martin", "active": false, "email": "a@example.com",
                "phone": "5145550199", "mobile": null, "company_id": 7, "description": "likes tea", "job_title": "CTO", "tags": ["vip"]}]})
        };
        respond(stream, "200 OK", "", answer.to_string()).await;
    })
    .await;
    let alice = find_one(&preset("freshdesk", "key", server.port)).await;
    assert_eq!((alice.name.as_deref(), alice.company.as_deref()), (Some("Alice Martin"), Some("Acme")));
    assert_eq!((fact(&alice, "Job title"), alice.tags.join(" ")), (Some("CTO"), "vip".to_owned()));
    let requests = server.requests();
    assert!(
        requests[0].starts_with("GET /api/v2/search/contacts?query=%22phone%3A%27%2B15145550199%27%20OR%20mobile"),
        "{requests:?}"
    );
    assert!(requests[0].contains(&format!("authorization: Basic {}\r\n", BASE64_STANDARD.encode("key:X"))));
}

#[test]
fn preset_without_token_or_host_is_an_error() {
    let problem = |change: fn(&mut SourceConfig)| {
        let mut config = preset("zendesk", "abc", 9);
        change(&mut config);
        build(&config).err().unwrap().remove(0).to_string()
    };
    assert!(problem(|it| it.token = None).starts_with("token: missing"));
    assert!(problem(|it| it.domain = None).starts_with("domain: missing"));
    for bad in ["", "a b", "x.zendesk.com/evil", "user@x.zendesk.com", "{{ number }}.example.com", "x.com?y"] {
        let mut config = preset("zendesk", "abc", 9);
        config.domain = Some(bad.into());
        assert!(build(&config).err().unwrap().remove(0).to_string().contains("is not a host"), "{bad}");
    }
}

#[test]
fn preset_fields_of_the_table_have_priority() {
    let mut config = preset("zendesk", "abc", 9);
    config.fields = serde_json::from_value(json!({"tier": "/user_fields/tier", "notes": "/details"})).unwrap();
    let resolve = |secret: &SecretRef| secret.read(None).map_err(|error| error.to_string());
    let filled = super::super::preset::fill(&config, &resolve).unwrap();
    assert_eq!(filled.fields["tier"], FieldPath::One("/user_fields/tier".into()));
    assert_eq!(filled.fields["notes"], FieldPath::One("/details".into()));
    assert_eq!(filled.fields["name"], FieldPath::FirstOf(vec!["/name".into()]));
}
