use super::*;

fn client() -> Client {
    let auth_url = Url::parse("https://auth.example/base/").unwrap();
    Client { id: "me&you".to_owned(), secret: None, auth_url }
}

#[test]
fn the_challenge_is_the_hash_of_the_verifier() {
    // The pair of RFC 7636, appendix B.
    let key = ProofKey(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    assert_eq!(key.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    assert_ne!(ProofKey::new().challenge(), ProofKey::new().challenge());
    assert_eq!(unguessable().len(), 43);
}

#[test]
fn the_authorize_url_carries_all_that_the_server_asks_for() {
    let redirect = Url::parse("http://localhost:5000/app/redirect").unwrap();
    let url = client().authorize_url(&redirect, "st", &ProofKey::new(), SCOPES).unwrap();
    assert!(
        url.as_str().starts_with("https://auth.example/base/oauth/authorize?response_type=code&client_id=me%26you&")
    );
    assert!(url.as_str().contains("redirect_uri=http%3A%2F%2Flocalhost%3A5000%2Fapp%2Fredirect&"));
    assert!(url.as_str().contains("&state=st&code_challenge="));
}

#[test]
fn an_answer_is_read_leniently_and_a_reason_only_if_it_is_a_word() {
    let tokens = read(br#"{"access_token":"a","expires_in":"3600","refresh_token":""}"#).unwrap();
    assert_eq!((tokens.refresh, tokens.expires_in), (None, Some(3600)));
    assert!(read(br#"{"access_token":""}"#).is_none());
    assert!(read(b"<html>").is_none());
    assert_eq!(reason(br#"{"error":"invalid_grant"}"#).as_deref(), Some("invalid_grant"));
    assert_eq!(reason(br#"{"errorCode":"AUTHN_INVALID_TOKEN"}"#).as_deref(), Some("AUTHN_INVALID_TOKEN"));
    assert_eq!(reason(br#"{"error":"token eyJ was bad"}"#), None);
}
