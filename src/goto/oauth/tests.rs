use super::*;

fn client() -> Client {
    let auth_url = Url::parse("https://auth.example/base/").unwrap();
    Client { id: "me&you".to_owned(), secret: None, auth_url }
}

#[test]
fn pkce_challenge_is_the_hash_of_the_verifier() {
    // The pair of RFC 7636, appendix B.
    let verifier = PkceVerifier(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    assert_ne!(PkceVerifier::new().challenge(), PkceVerifier::new().challenge());
    assert_eq!(random_token().len(), 43);
}

#[test]
fn authorize_url_carries_every_required_parameter() {
    let redirect = Url::parse("http://localhost:5000/app/redirect").unwrap();
    let url = client().authorize_url(&redirect, "st", &PkceVerifier::new(), Some("a b")).unwrap();
    assert!(
        url.as_str().starts_with("https://auth.example/base/oauth/authorize?response_type=code&client_id=me%26you&")
    );
    assert!(url.as_str().contains("redirect_uri=http%3A%2F%2Flocalhost%3A5000%2Fapp%2Fredirect&"));
    assert!(url.as_str().contains("&state=st&code_challenge="));
}

#[test]
fn token_response_is_read_leniently_and_error_only_as_code() {
    let tokens = parse_tokens(br#"{"access_token":"a","expires_in":"3600","refresh_token":""}"#).unwrap();
    assert_eq!((tokens.refresh, tokens.expires_in), (None, Some(3600)));
    assert!(parse_tokens(br#"{"access_token":""}"#).is_none());
    assert!(parse_tokens(b"<html>").is_none());
    assert_eq!(parse_error_code(br#"{"error":"invalid_grant"}"#).as_deref(), Some("invalid_grant"));
    assert_eq!(parse_error_code(br#"{"errorCode":"AUTHN_INVALID_TOKEN"}"#).as_deref(), Some("AUTHN_INVALID_TOKEN"));
    assert_eq!(parse_error_code(br#"{"error":"token eyJ was bad"}"#), None);
}
